"""The declaration of streams and durables, and whose change a difference is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import ConfigError
from dms_events.transport import SubscriptionSpec
from dms_events_nats import DurableSetup, EventsSetup, NatsSetup, StreamSetup
from dms_events_nats.setup.compare import RECORD, DesiredConfig, compare, creation, merged
from dms_events_nats.subjects import Subjects

WHOLE = """
root = "north.dms"

[events]
storage = "file"
replicas = 3
max_messages = -1
max_bytes = 10_000_000_000
max_age_s = 2592000
duplicate_window_s = 120.5
partitions = 8

[dead]
max_bytes = 1_000_000

[durables.billing]
types = ["ServiceCall", "elk_stats.*", "resource.FreeResources"]
ack_wait_s = 30
start = "new"

[durables."every-thing"]
types = ["*"]
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "dms.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_a_file_says_all_that_python_says(tmp_path: Path) -> None:
    assert NatsSetup.load(written(tmp_path, WHOLE)) == NatsSetup(
        root="north.dms",
        events=EventsSetup(
            storage="file",
            replicas=3,
            max_messages=-1,
            max_bytes=10_000_000_000,
            max_age_s=2592000,
            duplicate_window_s=120.5,
            partitions=8,
        ),
        dead=StreamSetup(max_bytes=1_000_000),
        durables={
            "billing": DurableSetup(
                types=("elk_stats.ServiceCall", "elk_stats.*", "resource.FreeResources"),
                ack_wait_s=30,
                start="new",
            ),
            "every-thing": DurableSetup(types=("*",)),
        },
    )


def test_an_empty_file_declares_the_streams_of_the_usual_root(tmp_path: Path) -> None:
    assert NatsSetup.load(written(tmp_path, "")) == NatsSetup() == NatsSetup().checked()
    assert NatsSetup().root == "dms"


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("[events]\nreplicas = '3'", "events.replicas", "Expected `int`, got `str`"),
        ("[events]\nreplicas = 0", "events.replicas", ">= 1"),
        ("[events]\nreplica = 3", "events", "unknown field `replica`; there are storage, replicas"),
        ("[events]\nmax_age_s = nan", "events.max_age_s", ">= 0"),
        ("[events]\nmax_age_s = inf", "events.max_age_s", "<= 9"),
        ("[events]\nmax_bytes = 9223372036854775808", "events.max_bytes", "<= 9223372036854775807"),
        ("[events]\nmax_messages = -2", "events.max_messages", ">= -1"),
        ("[events]\nstorage = 'tape'", "events.storage", "'tape'"),
        ("[events]\npartitions = 1.5", "events.partitions", "Expected `int`"),
        ("[dead]\npartitions = 4", "dead", "unknown field `partitions`; there are storage"),
        ("events = 4", "events", "Expected `object`, got `int`"),
        ("[event]\nreplicas = 1", "setup", "unknown field `event`; there are root, events, dead"),
        ("root = 'a b'", "root", "'a b' cannot begin a subject"),
        ("root = 7", "root", "Expected `str`"),
        ("durables = 7", "durables", "[durables.<name>]"),
        ("[durables]\nbilling = 7", "durables.billing", "Expected `object`, got `int`"),
        (
            "[durables.'a.b']\ntypes = ['*']",
            "durables.a.b",
            "'a.b' has '.': no name has white space",
        ),
        ("[durables.a]\nack_wait_s = 1", "durables.a", "missing required field `types`"),
        ("[durables.a]\ntypes = []", "durables.a.types", "length >= 1"),
        ("[durables.a]\ntypes = '*'", "durables.a.types", "Expected `array`"),
        ("[durables.a]\ntypes = [1]", "durables.a.types[0]", "Expected `str`"),
        ("[durables.a]\ntypes = ['ServiceCal']", "durables.a.types", "did you mean ServiceCall?"),
        ("[durables.a]\ntypes = ['x.*']", "durables.a.types", "unknown type 'x.*'"),
        ("[durables.a]\ntypes = ['*']\nack_wait_s = 0", "durables.a.ack_wait_s", "> 0"),
        ("[durables.a]\ntypes = ['*']\nstart = 'old'", "durables.a.start", "'old'"),
        ("[durables.a]\ntypes = ['*']\nstrt = 'all'", "durables.a", "there are types, ack_wait_s"),
    ],
)
def test_a_wrong_setting_is_named_with_its_path(
    tmp_path: Path, text: str, path: str, says: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        NatsSetup.load(file)
    assert caught.value.setting == f"{file}: {path}"
    assert says in caught.value.reason
    assert "null" not in caught.value.reason


@pytest.mark.parametrize(
    ("text", "says"),
    [("a b", "line 1"), (b"\xff", "is not TOML"), ("root = 'a'\nroot = 'b'", "Cannot overwrite")],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError, match=says) as caught:
        NatsSetup.load(file)
    assert caught.value.setting == str(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path, says in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=says) as caught:
            NatsSetup.load(path)
        assert caught.value.setting == str(path)


def test_what_python_declares_is_checked_as_well() -> None:
    with pytest.raises(ConfigError) as caught:
        NatsSetup(events=EventsSetup(replicas=9)).checked()
    assert caught.value.setting == "events.replicas"
    with pytest.raises(ConfigError) as caught:
        NatsSetup(durables={"a": DurableSetup(types=())}).checked()
    assert caught.value.setting == "durables.a.types"
    with pytest.raises(ConfigError) as caught:
        NatsSetup(durables={"a b": DurableSetup(types=("*",))}).checked()
    assert caught.value.setting == "durables.a b"


def test_filters_that_another_one_covers_are_left_out() -> None:
    def filters(*patterns: str) -> list[str]:
        return Subjects("dms").filters(SubscriptionSpec(patterns=patterns))

    assert filters("*", "elk_stats.*", "elk_stats.ServiceCall") == ["dms.events.>"]
    assert filters("elk_stats.*", "elk_stats.ServiceCall") == ["dms.events.elk_stats.>"]
    assert filters("network.*", "network_config.NetworkType") == [
        "dms.events.network.>",
        "dms.events.network_config.NetworkType.>",
    ]
    assert filters("a.B", "a.B") == ["dms.events.a.B.>"]


KEYS = ("one", "two", "three", "fixed", "other")
SETTINGS = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 2))


@given(declared=SETTINGS, applied=SETTINGS, actual=SETTINGS, overwrite=st.booleans())
def test_nothing_that_somebody_else_set_is_lost(
    declared: dict[str, Any], applied: dict[str, Any], actual: dict[str, Any], overwrite: bool
) -> None:
    target = DesiredConfig(
        stream="S", section="events", declared=declared, defaults={}, fixes={"fixed": "cure"}
    )
    server = {**actual, "metadata": {RECORD: json.dumps(applied), "owner": "north"}}
    states = compare(target, server)
    keys = {
        key
        for key, state in states.items()
        if state == "outdated" or (overwrite and state == "changed")
    }
    after = merged(target, server, keys) or server
    for key in KEYS:
        ours = key in applied and applied[key] == actual.get(key)
        mine_to_set = key in declared and key != "fixed" and (ours or overwrite)
        expected = declared[key] if mine_to_set else actual.get(key)
        assert after.get(key) == expected, key
        assert (key in states) == (key in declared and declared[key] != actual.get(key))
    assert after["metadata"]["owner"] == "north"
    # What is as declared now counts as ours from now on; of the rest the record says what it said.
    record = json.loads(after["metadata"][RECORD])
    for key in KEYS:
        as_declared = key in declared and declared[key] == after.get(key)
        assert record.get(key) == (declared[key] if as_declared else applied.get(key))
    assert merged(target, after, ()) is None, "and a second time there is nothing to do"


@given(declared=SETTINGS, defaults=SETTINGS)
def test_all_of_what_we_make_is_ours(declared: dict[str, Any], defaults: dict[str, Any]) -> None:
    target = DesiredConfig(
        stream="S", section="events", declared=declared, defaults=defaults, fixes={}
    )
    made = creation(target)
    assert made == {"name": "S", **defaults, **declared, "metadata": made["metadata"]}
    assert compare(target, made) == {}
    anew = {key: value + 1 for key, value in (defaults | declared).items()}
    other = DesiredConfig(stream="S", section="events", declared=anew, defaults={}, fixes={})
    assert set(compare(other, made).values()) <= {"outdated"}
