"""What commit 850eeb0 stored is opened with the code of the day (tests/fixtures/stored_by_850eeb0)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec
import nats
import pytest
import pytest_asyncio

import dms_events
from dms_events import Bus, DeadLetter, Message, Worker
from dms_events.identity import id_of_document, id_of_position
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsSetup, apply_setup, check_setup
from tests.contract.places import collect, letters, until
from tests.contract.worker.working import drained
from tests.kit.programs.command import answer
from tests.kit.stored import (
    MANIFEST,
    NOTES,
    STORED,
    Attempts,
    Event,
    Kept,
    documents,
    forward_to,
    in_elasticsearch,
    in_sqlite,
    noted,
    served,
    sqlite_file,
)

ROOTS = ("dms", "parts")
TYPES = sorted({kept.body["dms"]["type"] for kept in documents().values()})
"""Those which sinks may store."""
OWN_IDS = {event.id for event in MANIFEST.events if event.id_from in ("envelope", "header")}
PLACED = {
    (event.root, event.sequence): event for event in MANIFEST.events if event.id_from == "place"
}


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A server that holds the store."""
    async with served(tmp_path) as url:
        yield url


@pytest_asyncio.fixture
async def bus(url: str) -> AsyncIterator[Bus]:
    async with dms_events.connect(url) as bus:
        yield bus


async def everything(bus: Bus, wanted: Collection[str] = ("*",)) -> list[Message[Any]]:
    """All events that can be read, and that no event was left out but what cannot be."""
    async with bus.subscribe(*wanted, start="all") as subscription:
        stored, messages = await subscription.backlog(), list[Message[Any]]()
        async with asyncio.timeout(20):
            while len(messages) + subscription.undecodable < stored:
                messages += await subscription.batch(1000, 0.1)
    return messages


@pytest.mark.parametrize("root", ROOTS)
async def test_every_event_is_read_as_it_was(url: str, root: str) -> None:
    expected = {s: event for s, event in MANIFEST.of(root).items() if not event.undecodable}
    async with dms_events.connect(url, root=root) as bus:
        read = {message.sequence: message for message in await everything(bus)}
    assert read.keys() == expected.keys()
    for sequence, event in expected.items():
        message = read[sequence]
        assert (message.subject, message.type_name) == (event.subject, event.type)
        assert (message.source, message.time_text) == (event.source, event.time)
        assert (message.stored_ns, message.attempt) == (event.stored_ns, 1)
        assert message.envelope.trace_parent == event.trace_parent
        assert json.loads(dms_events.encode(message.event)) == event.fields
        if event.id_from != "place":
            assert message.id == event.id


async def test_what_carries_no_id_is_known_by_its_place(bus: Bus, tmp_path: Path) -> None:
    """Messages without an id of their own, as Go writes them, have the ids of today's rule.

    Documents under the ids that they had then stay as they are, and the events are stored anew.
    """
    read = {message.sequence: message.id for message in await everything(bus)}
    assert PLACED
    ids = {
        place: id_of_position("DMS_EVENTS", event.sequence, event.stored_ns)
        for place, event in PLACED.items()
    }
    assert {place: read[place[1]] for place in PLACED} == ids
    assert not set(ids.values()) & {event.id for event in MANIFEST.events}
    database = sqlite_file(tmp_path)
    await forward_to(bus, database, "again", ["elk_stats.*"])
    assert {event.id for event in PLACED.values()} & {kept.id for kept in in_sqlite(database)}
    expected = {ids[place]: kept.rest for place, kept in documents().items() if place in PLACED}
    await forward_to(bus, tmp_path / "new.db", "new", TYPES)
    today = {kept.id: kept.rest for kept in in_sqlite(tmp_path / "new.db")}
    assert {id: today[id] for id in expected} == expected


@pytest.mark.parametrize("name", [d.name for d in MANIFEST.durables if d.root == "dms"])
async def test_a_durable_resumes_exactly_after_what_it_had_settled(bus: Bus, name: str) -> None:
    durable = MANIFEST.durable(name)
    readable = MANIFEST.readable("dms", durable.left)
    async with bus.subscribe(*durable.types, durable=name) as messages:
        assert await messages.backlog() == len(durable.left)
        read = [message.sequence for message in await collect(messages, len(readable))]

        async def all_settled() -> bool:
            return await messages.backlog() == 0

        await until(all_settled)
    assert sorted(read) == readable
    known = max(number for letter in MANIFEST.letters for number in letter["numbers"])
    new = [letter for letter in await letters(bus, reader=name) if letter.number > known]
    assert sorted([*readable, *(letter.sequence for letter in new)]) == durable.left


@pytest.mark.parametrize("attempts", MANIFEST.attempts, ids=lambda attempts: attempts.durable)
async def test_attempts_begin_again(bus: Bus, attempts: Attempts) -> None:
    """They were noted under the id of the message's position, whose rule is another one today."""
    durable = MANIFEST.durable(attempts.durable)
    worker = Worker(durable.name)
    calls: list[str] = []

    @worker.on(*durable.types, attempts=attempts.allowed, backoff_s=0)
    async def handle(event: msgspec.Struct, message: Message[Any]) -> None:
        calls.append(message.id)
        if message.id == attempts.id:
            raise ValueError("the handler is still broken")

    await drained(worker, bus)
    assert calls.count(attempts.id) == attempts.allowed
    assert len(set(calls)) == len(durable.left)
    [letter] = await letters(bus, reader=durable.name, id=attempts.id)
    assert (letter.attempts, letter.error) == (attempts.allowed, "ValueError")


async def test_letters_are_listed_as_they_were(bus: Bus) -> None:
    found = []
    for letter in await letters(bus):
        about = msgspec.to_builtins(letter)
        about["numbers"] = list(letter.numbers)
        about["payload_kept"] = len(letter.payload)
        about["payload_sha256"] = hashlib.sha256(letter.payload).hexdigest()
        found.append(about)
    assert len(found) == len(MANIFEST.letters)
    for today, then in zip(found, MANIFEST.letters, strict=True):
        assert {key: today.get(key) for key in then} == then


async def test_the_command_lists_and_shows_the_letters(url: str) -> None:
    lines = (await answer("dead", "list", "--json", "--url", url)).splitlines()
    numbers = [json.loads(line)["number"] for line in lines]
    assert numbers == [letter["numbers"][0] for letter in MANIFEST.letters]
    for letter in MANIFEST.letters[:3]:
        shown = await answer("dead", "show", letter["numbers"][0], "--url", url)
        assert letter["id"] in shown
        assert letter["reason"] in shown


async def test_letters_are_replayed_as_the_events_that_they_were(url: str, bus: Bus) -> None:
    found = await letters(bus)
    originals: dict[int, DeadLetter] = {}
    async with await nats.connect(url) as client:
        stream = client.jetstream()
        for letter in found:
            known = letter.sequence in [other.sequence for other in originals.values()]
            before = (await stream.stream_info("DMS_EVENTS")).state.last_seq
            await bus.dead_letters.replay(letter, to_all=True)
            after = (await stream.stream_info("DMS_EVENTS")).state.last_seq
            assert after == before + (not known)  # two letters of one message are one replay
            if known:
                continue
            originals[after] = letter
            old = await stream.get_msg("DMS_EVENTS", letter.sequence)
            new = await stream.get_msg("DMS_EVENTS", after)
            assert new.subject == old.subject
            assert (new.data or b"").startswith((old.data or b"")[:-1])  # an identity may be added
    assert await letters(bus) == []
    read = {message.sequence: message for message in await everything(bus)}
    for sequence, letter in originals.items():
        event = MANIFEST.of("dms")[letter.sequence]
        assert event.undecodable == (sequence not in read)
        if not event.undecodable:
            assert read[sequence].id == letter.id == event.id
            assert json.loads(dms_events.encode(read[sequence].event)) == event.fields


@pytest.mark.parametrize("declared", ["setup.toml", "setup_parts.toml"])
async def test_streams_and_durables_are_as_they_were_declared(url: str, declared: str) -> None:
    assert await check_setup(url, NatsSetup.load(STORED / declared)) == []


async def test_a_new_declaration_changes_what_nobody_else_has_changed(url: str) -> None:
    then = NatsSetup.load(STORED / "setup.toml")
    events = msgspec.structs.replace(then.events, max_bytes=200_000_000)
    audit = msgspec.structs.replace(then.durables["audit"], ack_wait_s=45)
    now = msgspec.structs.replace(then, events=events, durables={**then.durables, "audit": audit})
    assert [(one.place, one.setting, one.state) for one in await apply_setup(url, now)] == [
        ("stream DMS_EVENTS", "max_bytes", "outdated"),
        ("durable audit", "ack_wait_s", "outdated"),
    ]
    assert await check_setup(url, now) == []


async def test_a_partitioned_worker_takes_over_in_order(url: str) -> None:
    durable = MANIFEST.durable("ordered")
    worker = Worker(durable.name, partitioned=True)
    handled: dict[str, list[int]] = defaultdict(list)

    @worker.on(ServiceCall, key=lambda event: event.peer_id_of_service_host)
    async def follow(event: ServiceCall, message: Message[ServiceCall]) -> None:
        handled[message.source].append(message.sequence)

    async with dms_events.connect(url, root="parts") as bus:
        await drained(worker, bus)
    [before] = [note for note in NOTES if note.key == "ordered.readers"]
    after = await noted(url, before)
    [dead] = json.loads(before.value)["beats"]
    assert dead not in after.decode()
    events = MANIFEST.of("parts")
    expected: dict[str, list[int]] = defaultdict(list)
    for sequence in durable.left:
        expected[events[sequence].source].append(sequence)
    assert handled == expected


async def test_the_forwarder_goes_on_where_it_stopped(bus: Bus, tmp_path: Path) -> None:
    database = sqlite_file(tmp_path)
    left = MANIFEST.readable("dms", MANIFEST.durable("archive").left)
    tally = await forward_to(bus, database, "archive", ["elk_stats.*"])
    assert (tally.stored, tally.duplicates, tally.undecodable) == (len(left), 0, 0)
    assert {kept.id for kept in in_sqlite(database)} >= OWN_IDS & ids_of("elk_stats.")


async def test_a_sqlite_file_knows_the_documents_that_it_has(bus: Bus, tmp_path: Path) -> None:
    """Events under the token ``_`` with an ID of their own; the others are stored anew, once."""
    database = sqlite_file(tmp_path)
    before = {kept.key: kept for kept in in_sqlite(database)}
    tally = await forward_to(bus, database, "again", ["elk_stats.*"])
    after = {kept.key: kept for kept in in_sqlite(database)}
    assert before.keys() < after.keys()
    assert {key: after[key] for key in before} == before
    named = {e.id: e for e in MANIFEST.of("dms").values() if e.id in OWN_IDS & ids_of("elk_stats.")}
    assert after.keys() >= {id_of_document(_token(e), e.id) for e in named.values()}
    assert tally.stored == len(after) - len(before)
    assert tally.duplicates == tally.received - tally.undecodable - tally.stored
    once_more = await forward_to(bus, database, "once-more", ["elk_stats.*"])
    assert (once_more.stored, once_more.received) == (0, tally.received)


async def test_documents_are_made_as_they_were(url: str, tmp_path: Path) -> None:
    database = tmp_path / "new.db"
    for root in ROOTS:
        async with dms_events.connect(url, root=root) as bus:
            await forward_to(bus, database, "documents", TYPES)
    compare(in_sqlite(database))


async def test_elasticsearch_gets_the_documents_that_it_got(
    url: str, empty_elasticsearch_url: str
) -> None:
    for root in ROOTS:
        async with dms_events.connect(url, root=root) as bus:
            await forward_to(bus, empty_elasticsearch_url, "documents", TYPES)
    compare(in_elasticsearch(empty_elasticsearch_url))


def compare(today: Iterable[Kept]) -> None:
    """Documents of events that carry their identity; for the others see the test of their ids."""
    then = {kept.id: kept.rest for kept in documents().values() if kept.id in OWN_IDS}
    rest = {kept.id: kept.rest for kept in today}
    assert len(rest) == len({kept.id for kept in documents().values()})
    assert {id: rest[id] for id in then} == then


def _token(event: Event) -> str:
    """The source in the subject of an event; empty for ``_``."""
    return event.subject.split(".")[4].removesuffix("_")


def ids_of(module: str) -> set[str]:
    """The ids of the root ``dms`` of types that begin so."""
    return {event.id for event in MANIFEST.of("dms").values() if event.type.startswith(module)}
