"""`dms-events audit` and `trace`: what they print, and their exit codes."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.paths import HOME
from tests.kit.programs.command import answer, dms
from tests.kit.storing import call, forward
from tests.kit.tampering import SqliteStore

EXAMPLE = HOME / "docs/audit.md"


def example(command: str) -> str:
    """The output in the guide."""
    text = EXAMPLE.read_text(encoding="utf-8")
    block = text.partition(f"$ dms-events {command} ")[2].partition("```")[0]
    return block.partition("\n")[2]


async def fill(url: str, database: Path, durable: str = "dms-events-sink") -> None:
    """Store six calls of two months, and publish a seventh."""
    async with dms_events.connect(url) as bus:
        messages = [
            bus.prepare(
                msgspec.structs.replace(call(number), timestamp=1_772_000_000.0 + number),
                id=f"call-{number}",
                time=datetime(2026, 2 + number // 4, 1 + number, tzinfo=UTC),
            )
            for number in range(1, 8)
        ]
        await bus.publish_many(messages[:6])
        async with dms_events.sink_for(f"sqlite:{database}") as sink:
            await forward(bus, sink, durable)
        await bus.publish_many(messages[6:])


def alter(database: Path) -> None:
    """Delete a document, alter another one, and add one that is older than the stream."""
    store = SqliteStore(database)
    store.add({"call-0"})
    store.delete({"call-2"})
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE documents SET body = json_set(body, '$.Status', 'failed', '$.TimeTaken', 13.0) "
            "WHERE id = 'call-5'"
        )
        connection.execute("UPDATE documents SET time = '2026-02-01T00:00:00Z' WHERE id = 'call-0'")


async def test_the_output_is_as_in_the_guide_and_the_exit_code_tells_a_difference(
    nats_server: NatsServer, database: Path
) -> None:
    await fill(nats_server.url, database)
    words = ("audit", "--from", nats_server.url, "--to", f"sqlite:{database}", "--deep")
    assert (await answer(*words)).endswith("\nequal\n")
    alter(database)
    done = await dms(*words)
    assert (done.code, done.err) == (1, "")
    assert done.out == example("audit")


async def test_as_json_each_difference_is_a_line_and_the_figures_are_the_last(
    nats_server: NatsServer, database: Path
) -> None:
    await fill(nats_server.url, database)
    alter(database)
    done = await dms(
        "audit", "--from", nats_server.url, "--to", f"sqlite:{database}", "--deep", "--json"
    )
    assert done.code == 1, done
    *found, figures = map(json.loads, done.out.splitlines())
    assert [(each["kind"], each["id"]) for each in found] == [
        ("missing", "call-2"),
        ("altered", "call-5"),
    ]
    assert found[1]["fields"]["Status"] == ['"finished"', '"failed"']
    assert figures["equal"] is False
    assert figures["reasons"] == {"acknowledged": 1, "older": 1, "waiting": 1}
    assert figures["months"]["2026.02"] == {
        "stream": 3,
        "sink": 3,
        "older": 1,
        "missing": 1,
        "doubled": 0,
        "surplus": 0,
        "altered": 0,
    }


async def test_a_trace_is_as_in_the_guide_and_ends_with_1_if_nothing_is_there(
    nats_server: NatsServer, database: Path
) -> None:
    await fill(nats_server.url, database)
    place = ("--from", nats_server.url, "--to", f"sqlite:{database}")
    found = await answer("trace", "call-5", *place)
    assert timeless(found) == timeless(example("trace"))
    done = await dms("trace", "call-8", *place)
    assert (done.code, done.out, done.err) == (1, "nothing is there of call-8\n", "")
    told = json.loads(await answer("trace", "call-7", *place, "--json"))
    [message] = told["stream"]
    assert (message["sequence"], message["state"], told["store"]) == (7, "waiting", [])


def timeless(text: str) -> str:
    return re.sub(r"stored \S+Z", "stored then", text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "sqlite:{folder}/none.db"), "none.db: cannot be read"),
        (("--from", "nats://127.0.0.1:1"), "127.0.0.1:1"),
        (("--to", "file:{folder}/events.jsonl"), "no documents can be looked up in file:"),
        (("--type", "elk_stats.None"), "elk_stats.None"),
    ],
)
async def test_an_error_ends_with_2(
    nats_server: NatsServer, database: Path, words: tuple[str, ...], said: str
) -> None:
    async with dms_events.sink_for(f"sqlite:{database}"):
        pass
    place = ("--from", nats_server.url, "--to", f"sqlite:{database}")
    done = await dms("audit", *place, *(word.format(folder=database.parent) for word in words))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
