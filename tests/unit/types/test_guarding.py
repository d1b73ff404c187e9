"""Types that hold a secret go to no sink, and tools do not show them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import dms_events
from dms_events import ConfigError, DeadLetter, Envelope, Forwarder, registry
from dms_events.cli._letters import _secret
from dms_events.cli._shared import guarded
from dms_events.envelope import Encoding, encode_envelope
from dms_events.report import write_report
from dms_events.types._secrets import holds_secret
from dms_events_sqlite.sink import _SCHEMA
from tests.kit.documents.secrets import HOLDERS, document_of, found_in
from tests.unit.worker.scripted_sink import ScriptedSink

ENCODINGS: tuple[Encoding, ...] = ("json", "msgpack")


@pytest.mark.parametrize(
    "wanted", ["*", "machine.*", "machine.Libp2pInfo", "onboarding.LogBinAuth"]
)
async def test_no_type_that_holds_a_secret_is_forwarded(wanted: str) -> None:
    async with dms_events.connect("memory://") as bus:
        with pytest.raises(ConfigError, match="which no sink may store"):
            Forwarder(bus, ScriptedSink(), wanted=[wanted])


async def test_the_stats_events_hold_none() -> None:
    async with dms_events.connect("memory://") as bus:
        Forwarder(bus, ScriptedSink(), wanted=["elk_stats.*"])


@pytest.mark.parametrize("name", registry.names())
def test_tools_show_the_payload_only_of_types_without_secrets(name: str) -> None:
    shown = guarded(name, "the payload", False)
    assert ("the payload" in shown) is not holds_secret(registry.get(name))
    assert guarded(name, "the payload", True) == "the payload"


def test_the_payload_of_an_unknown_type_is_shown() -> None:
    assert guarded("", "noise", False) == "noise"


def letter(payload: bytes, type_name: str = "elk_stats.ServiceCall") -> DeadLetter:
    texts = dict.fromkeys(("id", "reason", "error", "reader", "subject", "source", "stored"), "")
    return DeadLetter(
        **texts,  # type: ignore[arg-type]
        type_name=type_name,
        attempts=1,
        buried="",
        payload=payload,
        payload_bytes=len(payload),
        sequence=1,
    )


@pytest.mark.parametrize("name", HOLDERS)
def test_a_letter_that_may_hold_a_secret_is_hidden_wherever_it_was_published(name: str) -> None:
    document = document_of(registry.get(name))
    bare = name.partition(".")[2]
    for type_name in (name, bare, "no.Such"):
        envelope = Envelope(type=type_name, data=document)
        for encoding in ENCODINGS:
            whole = encode_envelope(envelope, encoding)
            assert _secret(letter(whole))
            if type_name != "no.Such":
                assert _secret(letter(whole[: len(whole) // 2]))
    assert _secret(letter(document))
    assert _secret(letter(b"noise", name))


@pytest.mark.parametrize(
    "payload", [b"", b"noise", b"\x00\xff", b'{"Type":"elk_stats.NewService"}']
)
def test_a_letter_of_which_nothing_tells_of_a_secret_is_shown(payload: bytes) -> None:
    assert not _secret(letter(payload))
    assert not _secret(letter(payload, ""))


def test_the_report_shows_no_document_but_figures(tmp_path: Path) -> None:
    """A sink stores no such document; somebody else may have written this one."""
    with closing(sqlite3.connect(tmp_path / "events.db")) as file:
        file.executescript(_SCHEMA)
        for name in HOLDERS:
            row = (
                name,
                name,
                "2026-11-24T00:00:00Z",
                "i",
                document_of(registry.get(name)).decode(),
            )
            file.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", row)
        file.commit()
    write_report(tmp_path / "events.db", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert HOLDERS[0] in page
    assert not found_in(page)
