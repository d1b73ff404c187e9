"""``dms-events dead``: what an operator sees of dead letters, and does with them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator

import nats
import pytest
import pytest_asyncio

import dms_events
from dms_events import Bus
from dms_events.types.elk_stats import NtxPayment
from dms_events_nats import NatsServer
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.programs.processes import CLI
from tests.kit.storing import call

PAYMENT = NtxPayment(
    call_id=1.0,
    service_id="s",
    amount_of_ntx=7,
    peer_id="p",
    success_fail_status="success",
    timestamp=1.0,
)


@pytest_asyncio.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with dms_events.connect(nats_server.url) as bus:
        yield bus


@pytest_asyncio.fixture
async def url(nats_server: NatsServer, bus: Bus) -> tuple[str, str]:
    """The options that lead to three letters, of two readers."""
    await bus.publish(bus.prepare(call(1), id="call-1"))
    await bus.publish(bus.prepare(call(2), id="call-2"))
    await bus.publish(bus.prepare(PAYMENT, id="payment"))
    await give_up(bus, "billing", "elk_stats.*", 2, ValueError("no such customer"))
    async with bus.subscribe(NtxPayment, durable="audit") as messages:
        message = await anext(messages)
        error = KeyError("price")
        await bus.dead_letters.add(message.delivery, id=message.id, error=error, reader="audit")
    return ("--url", nats_server.url)


async def give_up(bus: Bus, reader: str, wanted: str, count: int, error: Exception) -> None:
    async with bus.subscribe(wanted, durable=reader) as messages:
        for _ in range(count):
            message = await anext(messages)
            await bus.dead_letters.add(message.delivery, id=message.id, error=error, reader=reader)


async def numbers(*words: str) -> list[int]:
    lines = (await answer("dead", "list", "--json", *words)).splitlines()
    return [json.loads(line)["number"] for line in lines]


async def stored(bus: Bus) -> int:
    """How many events are in the stream."""
    async with bus.subscribe("*", start="all") as messages:
        return await messages.backlog()


FILTERS: list[tuple[tuple[str, ...], list[int]]] = [
    ((), [1, 2, 3]),
    (("--reader", "billing"), [1, 2]),
    (("--type", "NtxPayment"), [3]),
    (("--type", "elk_stats.*", "--error", "CUSTOMER"), [1, 2]),
    (("--error", "keyerror: 'price'"), [3]),
    (("--id", "call-2"), [2]),
    (("--limit", "2"), [1, 2]),
    (("--since", "1h"), [1, 2, 3]),
    (("--until", "1h"), []),
    (("--since", "2020-01-01T00:00:00Z", "--until", "2021-01-01T00:00:00+02:00"), []),
    (("--since", "999999999d"), [1, 2, 3]),
]


async def test_list_shows_what_matches(url: tuple[str, str]) -> None:
    for words, expected in FILTERS:
        assert await numbers(*words, *url) == expected, words
    header, *rows = (await answer("dead", "list", "--reader", "billing", *url)).splitlines()
    assert header.split()[:6] == ["letter", "given", "up", "id", "type", "reader"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert await answer("dead", "list", "--reader", "nobody", *url) == "no dead letters\n"


async def test_list_as_json_has_all_but_the_bytes(url: tuple[str, str]) -> None:
    first, *_ = (await answer("dead", "list", "--json", *url)).splitlines()
    letter = json.loads(first)
    assert (letter["id"], letter["reader"], letter["error"]) == ("call-1", "billing", "ValueError")
    assert (letter["attempts"], letter["numbers"], letter["secret"]) == (1, [1], False)
    assert letter["headers"] == {"Nats-Msg-Id": "call-1"}
    assert letter["first_failed"] == letter["last_failed"] == letter["buried"]
    assert "payload" not in letter


async def test_show_takes_a_number_or_an_identity(url: tuple[str, str]) -> None:
    by_number = await answer("dead", "show", "2", *url)
    assert by_number == await answer("dead", "show", "call-2", *url)
    assert '"ID":"call-2"' in by_number
    assert "Nats-Msg-Id: call-2" in by_number
    assert "ValueError" in by_number
    assert "there is no dead letter '9'" in await complaint("dead", "show", "9", *url)
    assert "there is no dead letter 'x'" in await complaint("dead", "show", "x", *url)


async def test_a_dry_run_says_what_would_be_done_and_changes_nothing(
    bus: Bus, url: tuple[str, str]
) -> None:
    for command in ("replay", "drop"):
        out = await answer("dead", command, "--reader", "billing", "--dry-run", *url)
        *rows, last = out.splitlines()
        assert [row.split()[0] for row in rows] == ["letter", "1", "2"]
        assert last == f"would {command} 2 dead letters"
    assert await numbers(*url) == [1, 2, 3]
    assert await stored(bus) == 3


async def test_replay_gives_the_events_back_and_drops_the_letters(
    bus: Bus, url: tuple[str, str]
) -> None:
    assert await answer("dead", "replay", "2", "payment", *url) == "replayed 2 dead letters\n"
    assert await numbers(*url) == [1]
    assert await answer("dead", "replay", "--error", "customer", *url) == "replayed 1 dead letter\n"
    assert await numbers(*url) == []
    async with bus.subscribe("elk_stats.*", durable="billing") as messages:
        again = [await anext(messages) for _ in range(3)]
        assert [m.id for m in again] == ["payment", "call-2", "call-1"]
        assert [m.event for m in again] == [PAYMENT, call(2), call(1)]
        for message in again:
            await message.ack()
        assert await messages.batch(1, 0.3) == []
        assert messages.for_others == 1
    async with bus.subscribe(NtxPayment, durable="audit") as messages:
        assert [m.id for m in await messages.batch(1, 5)] == ["payment"]


async def test_replay_to_all_says_whom_it_reaches(bus: Bus, url: tuple[str, str]) -> None:
    client = await nats.connect(url[1])
    await client.jetstream().delete_consumer("DMS_EVENTS", "audit")
    await client.close()
    done = await dms("dead", "replay", "payment", *url)
    assert (done.code, done.out) == (1, "replayed 0 dead letters\n")
    assert "its reader 'audit' is not there to get elk_stats.NtxPayment any more" in done.err
    assert "--to-all" in done.err
    said = await answer("dead", "replay", "payment", "--to-all", *url)
    assert said == (
        "replayed 1 dead letter to all readers: billing, and the readers without a durable\n"
    )
    async with bus.subscribe("elk_stats.*", durable="billing") as messages:
        assert [(await anext(messages)).id for _ in range(2)] == ["payment", "payment"]


async def test_replay_with_keep_leaves_the_letters(bus: Bus, url: tuple[str, str]) -> None:
    for _ in range(2):
        assert await answer("dead", "replay", "--all", "--keep", *url) == (
            "replayed 3 dead letters\n"
        )
    assert await numbers(*url) == [1, 2, 3]
    assert await stored(bus) == 9


async def test_what_cannot_be_replayed_is_named_and_the_others_are_replayed(
    bus: Bus, url: tuple[str, str]
) -> None:
    client = await nats.connect(url[1])
    await client.jetstream().publish(
        "dms.events.lonely\x1b", b'{"Type":"ServiceCall","Data":"e30="}'
    )
    await client.close()
    async with bus.subscribe("*", durable="odd") as messages:
        async for message in messages:
            if message.id.startswith(("call", "pay")):
                await message.ack()
                continue
            await bus.dead_letters.add(message.delivery, id="odd", error=ValueError(), reader="odd")
            break
    for words in (("--dry-run",), ()):
        done = await dms("dead", "replay", "--all", *words, *url)
        assert done.code == 1
        [line] = done.err.splitlines()
        assert line.startswith("dms-events: dead letter 4 cannot be replayed: it was published at ")
        assert line.isprintable()
        assert done.out.splitlines()[-1].endswith("3 dead letters")
    assert await numbers(*url) == [4]


async def test_a_replay_that_the_stream_stops_says_how_far_it_came(nats_server: NatsServer) -> None:
    url = ("--url", nats_server.url)
    async with dms_events.connect(nats_server.url, max_messages=4) as bus:
        await bus.publish_many([call(n) for n in range(3)])
        await give_up(bus, "billing", "*", 3, ValueError())
        done = await dms("dead", "replay", "--all", *url)
        assert (done.code, done.out) == (1, "replayed 1 dead letter before the error\n")
        assert "maximum messages exceeded" in done.err
        assert await numbers(*url) == [2, 3]
        assert await stored(bus) == 4


async def test_drop_deletes_what_was_chosen(bus: Bus, url: tuple[str, str]) -> None:
    assert await answer("dead", "drop", "call-1", "3", "--yes", *url) == "dropped 2 dead letters\n"
    assert await numbers(*url) == [2]
    assert await answer("dead", "drop", "--all", "--yes", *url) == "dropped 1 dead letter\n"
    assert await answer("dead", "drop", "--all", "--yes", *url) == "dropped 0 dead letters\n"
    assert await stored(bus) == 3


async def test_drop_asks_first_and_does_nothing_where_nobody_answers(
    url: tuple[str, str],
) -> None:
    line = await complaint("dead", "drop", "--all", *url)
    assert "3 dead letters would be deleted for good: add --yes" in line
    assert await numbers(*url) == [1, 2, 3]


async def test_drop_does_what_is_answered_at_a_terminal(url: tuple[str, str]) -> None:
    for said, left in ((b"n\n", [1, 2, 3]), (b"y\n", [])):
        ours, theirs = os.openpty()
        command = (*CLI, "dead", "drop", "--all", *url)
        os.write(ours, said)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=theirs, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        os.close(ours)
        os.close(theirs)
        assert b"Drop 3 dead letters for good?" in err
        done = (1, b"") if left else (0, b"dropped 3 dead letters")
        assert (process.returncode, out.strip()) == done
        assert await numbers(*url) == left


@pytest.mark.parametrize("command", ["replay", "drop"])
async def test_nothing_is_done_to_all_unless_that_is_said(
    url: tuple[str, str], command: str
) -> None:
    yes = ("--yes",) if command == "drop" else ()
    line = await complaint("dead", command, *yes, *url)
    assert (
        f"{command}: choose the letters by an ID, by a filter such as --reader, or by --all" in line
    )
    assert await numbers(*url) == [1, 2, 3]


@pytest.mark.parametrize("command", ["replay", "drop"])
async def test_one_wrong_name_among_the_right_ones_changes_nothing(
    bus: Bus, url: tuple[str, str], command: str
) -> None:
    yes = ("--yes",) if command == "drop" else ()
    for wrong in ("call-3", "17", "3"):
        line = await complaint("dead", command, "1", wrong, "--reader", "billing", *yes, *url)
        assert f"there is no dead letter {wrong!r}" in line
    assert await numbers(*url) == [1, 2, 3]
    assert await stored(bus) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "yesterday"), "since: 'yesterday' is not a time: write 2026-11-23T20:00:00Z"),
        (("--until", "2026-11-23T20:00:00"), "until: '2026-11-23T20:00:00' is not a time"),
        (("--type", "ServiceCal"), "did you mean ServiceCall"),
        (("--type", "elk_stats.>"), "is none of a type, 'module.*' and '*'"),
    ],
)
async def test_a_wrong_filter_is_one_line(
    nats_server: NatsServer, words: tuple[str, ...], says: str
) -> None:
    url = ("--url", nats_server.url)
    assert says in await complaint("dead", "list", *words, *url)
    assert says in await complaint("dead", "replay", *words, *url)


async def test_digits_are_a_number_unless_they_are_given_as_an_id(
    bus: Bus, nats_server: NatsServer
) -> None:
    url = ("--url", nats_server.url)
    for id in ("2", "x"):
        await bus.publish(bus.prepare(call(1), id=id))
    await give_up(bus, "billing", "*", 2, ValueError())
    assert "2" in (await answer("dead", "show", "2", *url)).split()
    assert await answer("dead", "drop", "2", "--yes", *url) == "dropped 1 dead letter\n"
    assert await numbers(*url) == [1]
    assert await answer("dead", "drop", "--id", "2", "--yes", *url) == "dropped 1 dead letter\n"
