"""The commands that only look: they show what strangers wrote as it is, and change nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import nats
import pytest_asyncio

import dms_events
from dms_events import Bus
from dms_events.transport import OutgoingMessage
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.integration.cli.test_dead import give_up
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.programs.processes import CLI, run
from tests.kit.servers.operator import Operator
from tests.kit.storing import call

ODD = [
    "2001:db8:a:b::1",
    "[bold]x[/bold] :smile:",
    "x\x1b[2J\n2026-11-27 INFO all is well",
    "\x9b31m\u202e\u2028\U000e0041 größer ✓",
]
"""Identities that a terminal or a library for terminals would make something else of."""

BILLING = """
from dms_events import Worker
from dms_events.types.elk_stats import ServiceCall

worker = Worker("billing")


@worker.on(ServiceCall, attempts=2, backoff_s=0.01)
async def bill(event, message):
    raise ValueError(f"no {message.id[1:]}")
"""


@pytest_asyncio.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with dms_events.connect(nats_server.url) as bus:
        yield bus


def strange(bus: Bus, event: ServiceCall, id: str) -> OutgoingMessage:
    """An event of an id that no header can hold; the broker knows it under another one."""
    return msgspec.structs.replace(bus.prepare(event, id=id), id=str(ODD.index(id)))


async def test_what_is_printed_is_safe_and_can_be_pasted_back(
    nats_server: NatsServer, bus: Bus
) -> None:
    url = ("--url", nats_server.url)
    for id in ODD:
        event = msgspec.structs.replace(call(1), status=id)
        await bus.publish(strange(bus, event, id))
    await give_up(bus, "billing", "*", len(ODD), ValueError(ODD[2]))

    lines = (await answer("dead", "list", "--each", "--json", *url)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == ODD
    assert all(line.isprintable() for line in lines)
    out = await answer("dead", "list", "--each", *url)
    assert out.replace("\n", "").isprintable()
    _, *rows = out.splitlines()
    assert len(rows) == len(ODD)
    for row, id in zip(rows, ODD, strict=True):
        _, _, rest = row.split(maxsplit=2)
        printed = rest.split("  ")[0]
        assert (printed == id) is id.isprintable()
        for pasted in (printed, id):
            shown = await answer("dead", "show", "--json", *url, "--", pasted)
            assert json.loads(shown)["id"] == id
            assert shown[:-1].isprintable()

    tailed = await answer("tail", "--all", "--count", str(len(ODD)), *url)
    assert tailed.replace("\n", "").isprintable()
    for line, id in zip(tailed.splitlines(), ODD, strict=True):
        assert json.loads(line[line.index("{") :])["Status"] == id


async def test_tail_marks_a_source_that_is_only_claimed_and_a_claim_that_differs(
    nats_server: NatsServer, bus: Bus
) -> None:
    client = await nats.connect(nats_server.url)
    claiming = bus.prepare(call(1), source="peer-1").data
    for token in ("peer-1", "peer-2", "_"):
        subject = f"dms.events.elk_stats.ServiceCall.{token}"
        await client.jetstream().publish(subject, claiming)
    await client.close()
    await bus.publish(call(2))
    words = ("tail", "--all", "--count", "4", "--url", nats_server.url)
    lines = (await dms(*words)).out.splitlines()
    sources = [line.split(" ")[2] for line in lines]
    assert sources == ["peer-1", "peer-2(peer-1)", "_(peer-1)", "-"]
    records = [json.loads(line) for line in (await dms(*words, "--json")).out.splitlines()]
    fields = "source", "claimed_source", "source_is_claimed"
    assert [tuple(record[name] for name in fields) for record in records] == [
        ("peer-1", "", False),
        ("peer-2", "peer-1", False),
        ("peer-1", "", True),
        ("", "", False),
    ]
    assert [record["event"]["CallID"] for record in records] == [1, 1, 1, 2]
    assert [record["sequence"] for record in records] == [1, 2, 3, 4]


async def test_show_prints_the_event(nats_server: NatsServer, bus: Bus) -> None:
    url = ("--url", nats_server.url)
    await bus.publish(bus.prepare(call(7), id="seven"))
    await give_up(bus, "billing", "*", 1, ValueError("no such customer"))
    event = dms_events.encode(call(7)).decode()
    shown = (await answer("dead", "show", "seven", *url)).splitlines()
    assert f"         event  {event}" in shown
    letter = json.loads(await answer("dead", "show", "1", "--json", *url))
    assert dms_events.decode(json.dumps(letter["event"]).encode(), ServiceCall) == call(7)
    assert (letter["id"], letter["reader"], letter["reason"]) == (
        "seven",
        "billing",
        "no such customer",
    )


async def test_many_letters_of_one_cause_are_one_row(nats_server: NatsServer, bus: Bus) -> None:
    url = ("--url", nats_server.url)
    await bus.publish_many([call(n) for n in range(60)])
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        for n in range(60):
            message = await anext(messages)
            error = KeyError("price") if n == 30 else ValueError(f"no customer {n} in 'x{n}'")
            await bus.dead_letters.add(
                message.delivery, id=message.id, error=error, reader="billing"
            )
    _, *rows = (await answer("dead", "list", *url)).splitlines()
    assert [row.split()[0] for row in rows] == ["1", "…", "31"]
    assert "58 more with this cause, up to letter 60 (--each lists them)" in rows[1]
    assert len((await answer("dead", "list", "--each", *url)).splitlines()) == 61
    assert len((await answer("dead", "list", "--json", *url)).splitlines()) == 60


async def test_looking_makes_no_streams_and_says_which_are_there(
    nats_server: NatsServer, operator: Operator
) -> None:
    url = ("--url", nats_server.url)
    for words in (
        ("tail", "--all", "--count", "1"),
        ("dead", "list"),
        ("dead", "show", "1"),
        ("dead", "replay", "--all", "--dry-run"),
        ("dead", "drop", "--all", "--yes"),
    ):
        line = await complaint(*words, *url)
        assert "; there are none at all. Check the root (--root), or make it" in line, words
    await operator.api("STREAM.CREATE.ORDERS", {"name": "ORDERS", "subjects": ["orders"]})
    line = await complaint("dead", "list", "--root", "dsm", *url)
    assert "there is no stream DSM_DEAD; there are ORDERS." in line
    assert (await operator.api("STREAM.NAMES"))["streams"] == ["ORDERS"]


async def test_tail_ends_at_once_when_nobody_reads_on(nats_server: NatsServer, bus: Bus) -> None:
    await bus.publish_many([call(n) for n in range(5)])
    command = shlex.join([*CLI, "tail", "--all", "--url", nats_server.url])
    done = await run("sh", "-c", f"{command} | head -1", within_s=15)
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 1)
    await bus.publish_many([call(n) for n in range(5_000)])
    done = await run("bash", "-c", f"set -o pipefail; {command} | head -1", within_s=15)
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 1)


async def test_a_worker_logs_no_control_characters_of_strangers(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    (tmp_path / "billing.py").write_text(BILLING)
    client = await nats.connect(nats_server.url)
    await client.jetstream().publish("dms.events.elk_stats.ServiceCall.\x1b[31mEVIL\x07", b"{}")
    await client.close()
    await bus.publish(strange(bus, call(1), ODD[2]))
    command = (*CLI, "worker", "billing:worker", "--once", "--url", nats_server.url)
    done = await run(*command, cwd=tmp_path)
    assert done.code == 0
    assert all(line.isprintable() for line in done.err.splitlines())
    assert "\\x1b[31mEVIL\\x07" in done.err
    assert "x\\x1b[2J\\n2026-11-27 INFO all is well" in done.err
    assert "ValueError: no \\x1b[2J\\n2026-11-27 INFO" in done.err
