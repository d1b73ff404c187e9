"""`trace`: where one event is now."""

from __future__ import annotations

import msgspec

import dms_events
from dms_events import Bus
from dms_events.audit import State, Trace, trace
from dms_events.dead_letters.replay import reader_token
from dms_events.identity import id_of_document
from dms_events.sink import Verdict
from dms_events_sqlite import SqliteSink
from tests.kit.storing import call, forward, prepared

from .test_reasons import Refusing, bus, forwarded_until_refused, stored, url

__all__ = ["bus", "url"]


async def traced(bus: Bus, url: str, id: str) -> Trace:
    async with SqliteSink(url).inventory() as inventory:
        return await trace(bus, inventory, id, durable="sink", patterns=["elk_stats.*"])


async def test_an_event_is_found_by_its_id_and_by_that_of_its_document(bus: Bus, url: str) -> None:
    await stored(bus, url, 3)
    await bus.publish_many([bus.prepare(call(4), id="four", source="somebody")])
    async with dms_events.sink_for(url) as sink:
        await forward(bus, sink)
    document = id_of_document("somebody", "four")
    for id in ("four", document):
        found = await traced(bus, url, id)
        [message] = found.messages
        assert (message.sequence, message.event_id, message.document_id) == (4, "four", document)
        assert (message.type_name, message.source) == ("elk_stats.ServiceCall", "somebody")
        assert message.state is State.SETTLED
        assert [each.id for each in found.documents] == [document]
        assert found.letters == []


async def test_an_event_that_waits_has_no_document(bus: Bus, url: str) -> None:
    await stored(bus, url, 3)
    [message] = prepared(bus, 1, first=3)
    await bus.publish_many([message])
    found = await traced(bus, url, message.id)
    assert [each.state for each in found.messages] == [State.WAITING]
    assert found.documents == []


async def test_a_refused_event_has_its_dead_letter_and_its_replay_beside_it(
    bus: Bus, url: str
) -> None:
    messages = prepared(bus, 3)
    refused, later = messages[0], messages[1]
    await bus.publish_many(messages)
    verdicts = {refused.id: Verdict.REJECTED, later.id: Verdict.RETRY}
    await forwarded_until_refused(bus, Refusing(url, verdicts))
    replay = f"replay:{reader_token('another')}:x"
    await bus.publish_many([msgspec.structs.replace(refused, id=replay)])
    found = await traced(bus, url, refused.id)
    assert [each.sequence for each in found.messages] == [1, 4]
    assert found.messages[1].state is State.FOR_ANOTHER
    [letter] = found.letters
    assert (letter.reader, letter.sequence, "it is refused" in letter.reason) == ("sink", 1, True)
    assert found.documents == []
    again = await traced(bus, url, later.id)
    assert [each.state for each in again.messages] == [State.UNSETTLED]


async def test_nothing_is_found_of_an_event_that_is_nowhere(bus: Bus, url: str) -> None:
    await stored(bus, url, 1)
    found = await traced(bus, url, "another")
    assert not found.found
