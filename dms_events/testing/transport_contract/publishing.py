"""What was accepted is there, once; what was not is handed back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import msgspec
import pytest

from ...bus import Bus
from ...errors import PublishError
from ...types.elk_stats import ServiceCall
from .base import Contract
from .events import call, collect, event_calls, nothing_comes
from .harness import TransportHarness
from .promises import BELIEVES, DEDUPES, LIMITED, PROVES, promise

__all__ = ["Publishing"]


class Publishing(Contract):
    """What was accepted is there, once; what was not is handed back."""

    @promise(DEDUPES)
    async def test_the_same_prepared_event_is_delivered_once(self, bus: Bus) -> None:
        """A message that is published again under its id is accepted, and not delivered again.

        To mend it: remember the pairs of channel and id that were accepted, and return from `publish`
        without storing. Or set `Guarantees.dedupes` to False.
        """
        prepared = bus.prepare(call(1), id="the-same")
        async with bus.subscribe(ServiceCall) as messages:
            assert await bus.publish(prepared) == "the-same"
            assert await bus.publish_many([prepared, prepared, call(2)]) == 3
            assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 2.0]
            assert await nothing_comes(messages)

    @promise(DEDUPES, BELIEVES)
    async def test_a_broker_dedupes_over_its_publishers(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Ids are recognised whoever publishes them.

        To mend it: keep the ids where the messages are stored, not in the object of one transport.
        """
        prepared = bus.prepare(call(1), id="the-same")
        async with bus.subscribe(ServiceCall) as messages, harness.connect() as other:
            assert await bus.publish(prepared) == "the-same"
            assert await bus.publish(prepared) == "the-same"
            assert await other.publish_many([prepared, prepared, call(2)]) == 3
            assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 2.0]
            assert await nothing_comes(messages)

    @promise(DEDUPES, PROVES)
    async def test_an_id_that_another_node_copies_suppresses_nobody(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """If sources are proved, an id suppresses only messages of the same source.

        To mend it: remember pairs of proved source and id.
        """
        prepared = bus.prepare(call(1), id="the-same")
        async with bus.subscribe(ServiceCall) as messages, harness.connect(source="thief") as thief:
            await thief.publish_many([prepared, prepared])
            [stolen] = await collect(messages, 1)
            assert await nothing_comes(messages)
            await bus.publish(prepared)
            [real] = await collect(messages, 1)
        assert (stolen.source, stolen.id) == (harness.source_of("thief"), "the-same")
        assert (real.source, real.id) == (harness.source_of("node-1"), "the-same")
        assert stolen.identity != real.identity

    @promise(DEDUPES)
    async def test_equal_events_are_two_events(self, bus: Bus) -> None:
        """Two events with the same content and two ids are two events.

        To mend it: recognise messages by their id, never by their content.
        """
        async with bus.subscribe(ServiceCall) as messages:
            await bus.publish_many([call(), call()])
            first, second = await collect(messages, 2)
        assert first.id != second.id

    @pytest.mark.parametrize("kept", [True, False], ids=["list", "generator"])
    @promise()
    async def test_a_publish_that_was_cut_off_can_be_gone_on_with(
        self, bus: Bus, kept: bool
    ) -> None:
        """If `publish_many` is cancelled, its error says which messages are accepted and which are open.

        To mend it: at CancelledError, set its `__cause__` to a PublishError with `unacknowledged`
        (taken from the iterator and not known to be accepted) and `accepted`, and raise it again.
        Then take nothing more from the iterator.
        """
        given = list(event_calls(1_200))
        events: Iterable[ServiceCall] = given if kept else iter(given)
        async with bus.subscribe(ServiceCall) as messages:
            publishing = asyncio.create_task(bus.publish_many(events))
            await asyncio.sleep(0)  # to where it first waits
            publishing.cancel()
            with pytest.raises(asyncio.CancelledError) as cut:
                await publishing
            known = PublishError.behind(cut.value)
            assert known is not None
            await bus.publish_many(known.unacknowledged)
            rest = 0 if kept else await bus.publish_many(events)
            assert known.accepted + len(known.unacknowledged) + rest == 1_200
            arrived = [m.event.call_id for m in await collect(messages, 1_200)]
            assert await nothing_comes(messages, 0.2)
        assert arrived == [event.call_id for event in given]

    @promise()
    async def test_what_a_generator_raises_comes_after_those_before(self, bus: Bus) -> None:
        """If the iterable raises, the messages before are published, and then its error is raised.

        To mend it: send the messages that were taken already before you raise the error of the
        iterator on.
        """

        def events() -> Iterator[ServiceCall]:
            yield from event_calls(3)
            raise LookupError("the source of events broke")

        async with bus.subscribe(ServiceCall) as messages:
            with pytest.raises(LookupError):
                await bus.publish_many(events())
            assert len(await collect(messages, 3)) == 3

    @promise()
    async def test_what_a_thousand_tasks_publish_is_there_once(self, bus: Bus) -> None:
        """A thousand tasks may publish at once.

        To mend it: `publish` is called concurrently: share no half-made state between calls over an
        `await`.
        """
        async with bus.subscribe(ServiceCall) as messages:
            ids = await asyncio.gather(*(bus.publish(call(number)) for number in range(1_000)))
            arrived = await collect(messages, 1_000)
        assert sorted(m.id for m in arrived) == sorted(ids)

    @promise()
    async def test_what_threads_hand_to_the_loop_of_the_bus_is_there_once(self, bus: Bus) -> None:
        """Threads may hand publishes over to the event loop.

        To mend it: let `publish` be called at any time, also while other calls wait.
        """
        loop = asyncio.get_running_loop()

        def publish(thread: int) -> list[str]:
            numbers = range(100 * thread, 100 * thread + 20)
            return [
                asyncio.run_coroutine_threadsafe(bus.publish(call(number)), loop).result(20)
                for number in numbers
            ]

        async with bus.subscribe(ServiceCall) as messages:
            ids = await asyncio.gather(*(asyncio.to_thread(publish, thread) for thread in range(8)))
            arrived = await collect(messages, 160)
        assert sorted(m.id for m in arrived) == sorted(id for some in ids for id in some)

    @promise(LIMITED)
    async def test_a_message_over_the_limit_is_refused_and_the_others_are_sent(
        self, bus: Bus
    ) -> None:
        """A message larger than `max_payload` is a PublishError, and the transport goes on.

        To mend it: compare the size of each payload with `max_payload` before you send it. Let
        `unacknowledged` hold this message and those after it.
        """
        template = bus.prepare(call())
        data = template.data.ljust(bus.transport.max_payload + 1)
        large = msgspec.structs.replace(template, data=data)
        async with bus.subscribe(ServiceCall) as messages:
            with pytest.raises(PublishError) as caught:
                await bus.publish(large)
            assert list(caught.value.unacknowledged) == [large]
            with pytest.raises(PublishError) as caught:
                await bus.publish_many([call(2), large, call(4)])
            assert caught.value.unacknowledged[0] == large
            assert len(caught.value.unacknowledged) == 2
            await bus.publish(call(5))
            assert sorted(m.event.call_id for m in await collect(messages, 2)) == [2.0, 5.0]
