"""An event is known by its source and its ID: a sender who copies an ID suppresses only its own event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dms_events import Bus, Forwarder, Message, Reject, Worker
from dms_events.identity import id_of_document, id_of_position
from dms_events.transport import Delivery
from dms_events.transport.memory.consumer import MemoryDelivery
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats.delivery import JetStreamDelivery
from dms_events_sqlite import SqliteSink
from tests.contract.places import Place, call, collect, letters, until
from tests.kit.storing import query

from .working import drained, running

pytestmark = pytest.mark.promised("acknowledges")

CALL = "elk_stats.ServiceCall"


class Billing:
    """A worker that says what it handled, and rejects the events of the sources in ``rejects``."""

    def __init__(self, **options: Any) -> None:
        self.worker = Worker("billing", **options)
        self.handled: list[tuple[float, str]] = []
        self.rejects: set[str] = set()

        @self.worker.on(ServiceCall)
        async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
            if message.source in self.rejects:
                raise Reject("not of this one")
            self.handled.append((event.call_id, message.source))

    async def has_handled(self, count: int) -> bool:
        return len(self.handled) >= count


async def test_the_same_id_from_another_source_is_another_event(place: Place, bus: Bus) -> None:
    billing = Billing()
    await place.put(bus.prepare(call(666), id="order-17").data, CALL, source="evil", id="1")
    await place.put(bus.prepare(call(17), id="order-17").data, CALL, source="victim", id="2")
    await place.put(bus.prepare(call(17), id="order-17").data, CALL, source="victim", id="3")
    async with running(billing.worker, bus):
        await until(lambda: billing.has_handled(2))
        await place.put(bus.prepare(call(17), id="order-17").data, CALL, source="other", id="4")
        await until(lambda: billing.has_handled(3))
    assert sorted(billing.handled) == [(17.0, "other"), (17.0, "victim"), (666.0, "evil")]
    assert (billing.worker.stats.handled, billing.worker.stats.duplicates) == (3, 1)


async def test_it_is_another_event_also_where_the_first_was_given_up(
    place: Place, bus: Bus
) -> None:
    billing = Billing()
    billing.rejects.add("victim")
    await place.put(bus.prepare(call(7), id="seen").data, CALL, source="victim", id="1")
    async with running(billing.worker, bus):
        await until(lambda: given_up(bus))
        await place.put(bus.prepare(call(667), id="seen").data, CALL, source="evil", id="2")
        await until(lambda: billing.has_handled(1))
        billing.rejects.clear()
        [letter] = await letters(bus)
        assert (letter.id, letter.source) == ("seen", "victim")
        await bus.dead_letters.replay(letter)
        await until(lambda: billing.has_handled(2))
    assert billing.handled == [(667.0, "evil"), (7.0, "victim")]
    assert billing.worker.stats.duplicates == 0


async def test_a_claimed_id_of_a_position_suppresses_nobody(place: Place, bus: Bus) -> None:
    """Somebody may copy the id of an event that Go publishes without one, but not its source."""
    billing = Billing()
    go = json.loads(bus.prepare(call(1)).data)
    for key in ("ID", "Source", "Time"):
        go.pop(key, None)
    await place.put(json.dumps(go).encode(), CALL, source="go")
    async with bus.subscribe(ServiceCall, durable="first-look") as messages:
        [message] = await collect(messages, 1)
    assert message.id == message.delivery.position_id
    await place.put(bus.prepare(call(666), id=message.id).data, CALL, source="evil", id="2")
    await drained(billing.worker, bus)
    assert sorted(billing.handled) == [(1.0, "go"), (666.0, "evil")]


async def test_a_redelivery_is_known_when_its_identity_is_forgotten(
    place: Place, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a lost connection: the acknowledgements of a hundred events do not arrive."""
    billing = Billing(memory=1, ack_wait_s=0.5)
    kind: Any = MemoryDelivery if place.kind == "memory" else JetStreamDelivery
    acknowledge = kind.ack_soon

    def lost(delivery: Delivery) -> bool:
        return delivery.attempt == 1 or acknowledge(delivery)

    monkeypatch.setattr(kind, "ack_soon", lost)
    await bus.publish_many([call(number) for number in range(100)])
    await drained(billing.worker, bus)
    assert sorted(number for number, _ in billing.handled) == list(range(100))
    tally = billing.worker.stats
    assert (tally.handled, tally.redelivered, tally.duplicates) == (100, 100, 0)


async def test_under_the_token_for_no_source_a_claim_makes_no_other_event(
    place: Place, bus: Bus
) -> None:
    billing = Billing()
    for number, claim in enumerate(["one", "two"]):
        data = bus.prepare(call(1), id="same", source=claim).data
        await place.put(data, CALL, id=f"message-{number}")
    await drained(billing.worker, bus)
    assert billing.handled == [(1.0, "one")]
    assert billing.worker.stats.duplicates == 1


async def test_the_same_id_from_two_sources_is_stored_as_two_documents(
    place: Place, bus: Bus, tmp_path: Path
) -> None:
    for number, token in enumerate(["evil", "victim", "victim", ""]):
        data = bus.prepare(call(number), id="order-17").data
        await place.put(data, CALL, source=token, id=f"message-{number}")
    database = tmp_path / "events.db"
    tallies = []
    for durable in ("sink", "again"):
        async with SqliteSink(f"sqlite://{database}") as sink:
            forwarder = Forwarder(bus, sink, durable=durable, linger_s=0.01)
            forwarder.drain()
            tallies.append(await forwarder.run())
    assert [(t.received, t.stored, t.duplicates) for t in tallies] == [(4, 3, 1), (4, 0, 4)]
    rows = query(database, "SELECT id, json_extract(body, '$.event.id') FROM documents")
    assert {inner for _, inner in rows} == {"order-17"}
    expected = {id_of_document(source, "order-17") for source in ("evil", "victim", "")}
    assert {outer for outer, _ in rows} == expected


async def given_up(bus: Bus) -> bool:
    return len(await letters(bus)) == 1


def test_an_id_of_a_position_is_not_that_of_a_document() -> None:
    assert id_of_position("S", 1, 2) != id_of_document("S", "1\n2")
