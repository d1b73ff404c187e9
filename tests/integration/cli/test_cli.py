"""The command, as a shell runs it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import nats
import pytest
import typer.main

import dms_events
from dms_events import registry
from dms_events.cli._app import COMMANDS, app
from dms_events.schema import rows
from dms_events_nats import NatsServer
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.programs.processes import CLI, run
from tests.kit.storing import call, forward, prepared, query

CALL = dms_events.encode(call(1)).decode()
NOBODY = "nats://127.0.0.1:1"


def every_command() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def walk(command: Any, words: tuple[str, ...]) -> None:
        found.append(words)
        for name in getattr(command, "commands", {}):
            _, inner, _ = command.resolve_command(None, [name])
            walk(inner, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
async def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    help_text = await answer(*words, "--help")
    assert " ".join(("Usage: python -m dms_events", *words)) in help_text
    assert len(help_text.splitlines()) > 5


@pytest.mark.parametrize("name", COMMANDS)
async def test_each_command_starts_without_what_another_process_has_imported(name: str) -> None:
    done = await run(*CLI, name, "--help")
    assert (done.code, done.err) == (0, "")


async def test_publish_takes_an_event_a_stream_of_lines_and_a_file(
    nats_server: NatsServer, tmp_path: Path, database: Path
) -> None:
    url = ("--url", nats_server.url)
    lines = [dms_events.encode(call(n)).decode() for n in range(1, 2501)]
    file = tmp_path / "calls.ndjson"
    file.write_text("\n".join([*lines[:1500], "", "  "]))
    name = "elk_stats.ServiceCall"
    assert await answer("publish", name, lines[0], *url) == f"published 1 {name}\n"
    assert await answer("publish", "ServiceCall", f"@{file}", *url) == f"published 1,500 {name}\n"
    out = await answer("publish", "ServiceCall", *url, "--source", "peer-1", stdin="\n".join(lines))
    assert out == f"published 2,500 {name}\n"
    assert await answer("publish", "ServiceCall", "-", *url, stdin="") == f"published 0 {name}\n"

    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
    ):
        assert (await forward(bus, sink)).stored == 4001
    rows = query(
        database,
        "SELECT json_extract(body, '$.dms.peer_id'), count(DISTINCT json_extract(body, '$.CallID')) "
        "FROM documents WHERE json_extract(body, '$.dms.peer_id') = 'peer-1'",
    )
    assert rows == [("peer-1", 2500)]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('{"CallID": 1', "Expecting ',' delimiter"),
        ("[]", "expected object, got array"),
        (CALL.replace('"MaxRAM":2048.0', '"MaxRAM":"2048"'), "MaxRAM"),
        (CALL.replace('"MaxRAM":2048.0,', ""), "key 'MaxRAM' is missing"),
        (CALL.replace('"MaxRAM"', '"maxRam"'), "maxRam: line 3: unknown key"),
        (CALL.replace("{", '{"Colour":"red",', 1), "Colour"),
    ],
)
async def test_publish_names_the_line_that_is_wrong(
    nats_server: NatsServer, wrong: str, says: str
) -> None:
    words = ("publish", "ServiceCall", "--url", nats_server.url)
    line = await complaint(*words, stdin=f"{CALL}\n\n{wrong}\n{CALL}\n")
    assert "elk_stats.ServiceCall" in line
    assert "line 3" in line
    assert says in line
    client = await nats.connect(nats_server.url)
    stream = await client.jetstream().stream_info("DMS_EVENTS")
    await client.close()
    assert stream.state.messages == 1, "the line before it, and nothing after it"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("publish", "NoSuch", "{}"), "unknown type 'NoSuch': `dms-events types` lists them"),
        (("publish", "ServiceCall", CALL, "--url", NOBODY), "no NATS server answers at " + NOBODY),
        (
            ("publish", "ServiceCall", CALL, "--url", "amqp://x"),
            "--url: 'amqp:' is not one of libp2p:, memory:, nats:",
        ),
        (("publish", "ServiceCall", CALL, "--root", "a b"), "--root: 'a b' cannot begin a subject"),
        (("publish", "ServiceCall", CALL, "--source", "a.b"), "--source: 'a.b' has '.'"),
        (("publish", "ServiceCall", "@/no/such/file"), "@/no/such/file: No such file"),
        (("publish", "ServiceCall", "@/tmp"), "@/tmp: Is a directory"),
        (("sink", "run", "--from", NOBODY, "--to", "sqlite:/proc/x.db"), "/proc/x.db"),
        (("sink", "run", "--from", NOBODY, "--to", "sqlite:"), "names no file"),
        (("sink", "run", "--from", NOBODY, "--to", "tape:1"), "--to: 'tape:' is not one of "),
        (("sink", "backfill", "--from", "x", "--to", "sqlite:y"), "--from: has no scheme"),
        (("elasticsearch", "setup", "--to", "sqlite:x"), "--to: write http://host:port"),
        (("report", "/no/such.db"), "/no/such.db does not exist"),
        (("report", __file__), "not a readable database"),
        (("types", "NoSuch"), "unknown type 'NoSuch'"),
    ],
)
async def test_an_error_is_one_line_that_says_what_is_wrong(
    words: tuple[str, ...], says: str
) -> None:
    assert says in await complaint(*words)


async def test_debug_shows_where_an_error_comes_from() -> None:
    done = await dms("--debug", "publish", "NoSuch", "{}")
    assert done.code == 1
    assert "Traceback (most recent call last)" in done.err
    assert "UnknownTypeError: unknown type 'NoSuch'" in done.err


async def test_types_lists_them_and_shows_the_keys_of_one() -> None:
    listed = (await answer("types")).splitlines()
    assert [line.split()[0] for line in listed] == registry.names()
    for name in ("elk_stats.DeviceResourceChange", "elk_stats.ServiceCall"):
        shown = (await run(*CLI, "types", name, env={"COLUMNS": "80"})).out
        type_ = registry.get(name)
        rows = [line.split()[:2] for line in shown.splitlines()]
        for pair in zip(type_.__struct_encode_fields__, type_.__struct_fields__, strict=True):
            assert list(pair) in rows, "what is to be typed is not cut"
    nested = (await answer("types", "DeviceResourceChange")).split()
    assert "ChangedAttributeAndValue.DedicatedTime" in nested


async def test_types_shows_what_the_reference_shows() -> None:
    for name in ("machine.PeerData", "network_config.NetworkConfig"):
        lines = [line.split() for line in (await answer("types", name)).splitlines()]
        assert ["wire", "key", "attribute", "Go", "type", "unit", "meaning"] in lines
        for row in rows(registry.get(name)):
            assert " ".join(row).split() in lines
    assert ["Embeds", "network_config.Libp2pConfig."] in lines
    named = await answer("types", "machine.Machines")
    assert "by their peer ids. In Go a `map[string]machine.PeerData`." in named


async def test_version_is_the_installed_one() -> None:
    assert await answer("version") == version("dms-events") + "\n"


async def test_report_makes_a_page_beside_the_database(
    nats_server: NatsServer, database: Path, tmp_path: Path
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
    ):
        await bus.publish_many(prepared(bus, 300))
        await forward(bus, sink)
    assert await answer("report", database) == f"{database.with_suffix('.html')}\n"
    other = tmp_path / "other.html"
    assert await answer("report", database, "--to", other) == f"{other}\n"
    for page in (database.with_suffix(".html"), other):
        assert "ServiceCall" in page.read_text()
