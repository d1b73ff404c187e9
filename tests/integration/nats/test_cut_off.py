"""A publish that is cut off says what is accepted and what is open, and can be gone on with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

import dms_events
from dms_events import OutgoingMessage, PublishError
from dms_events_nats import NatsServer
from tests.kit.servers.link import linked
from tests.kit.servers.operator import Operator
from tests.kit.storing import call, prepared

Cut = Callable[[Awaitable[object]], Awaitable[BaseException]]


async def by_timeout(publishing: Awaitable[object]) -> BaseException:
    with pytest.raises(TimeoutError) as cut:
        async with asyncio.timeout(0.01):
            await publishing
    return cut.value


async def by_wait_for(publishing: Awaitable[object]) -> BaseException:
    with pytest.raises(TimeoutError) as cut:
        await asyncio.wait_for(publishing, 0.01)
    return cut.value


async def by_cancel(publishing: Awaitable[object]) -> BaseException:
    task = asyncio.ensure_future(publishing)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cut:
        await task
    return cut.value


async def stored(operator: Operator) -> int:
    return sum((await operator.subjects()).values())


@pytest.mark.parametrize("cut_off", [by_timeout, by_wait_for, by_cancel])
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "events"])
async def test_what_a_cut_off_publish_left_open_is_published_again_and_stored_once(
    nats_server: NatsServer, operator: Operator, cut_off: Cut, sealed: bool
) -> None:
    count = 10_000
    async with dms_events.connect(nats_server.url) as bus:
        events = prepared(bus, count) if sealed else [call(number) for number in range(count)]
        known = PublishError.behind(await cut_off(bus.publish_many(events)))
        assert known is not None
        assert known.accepted + len(known.unacknowledged) == count
        assert len(known.unacknowledged) > 0
        assert await bus.publish_many(known.unacknowledged) == count - known.accepted
        assert await bus.publish_many(known.unacknowledged) == count - known.accepted
    assert await stored(operator) == count


async def test_a_single_publish_that_was_cut_off_keeps_its_event(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with linked(nats_server.url) as link, dms_events.connect(link.url) as bus:
        link.stall()
        known = PublishError.behind(await by_timeout(bus.publish(call(1))))
        link.mend()
        assert known is not None
        [event] = known.unacknowledged
        assert isinstance(event, OutgoingMessage)
        await bus.publish(event)
    assert await stored(operator) == 1


async def test_a_generator_keeps_what_a_cut_off_publish_did_not_take(
    nats_server: NatsServer, operator: Operator
) -> None:
    count = 10_000
    async with dms_events.connect(nats_server.url) as bus:
        events = (call(number) for number in range(count))
        known = PublishError.behind(await by_timeout(bus.publish_many(events)))
        assert known is not None
        await bus.publish_many(known.unacknowledged)
        await bus.publish_many(events)
    assert await stored(operator) == count


async def test_a_cancellation_does_not_wait_until_the_rest_is_sealed(
    nats_server: NatsServer,
) -> None:
    async with linked(nats_server.url) as link, dms_events.connect(link.url) as bus:
        link.stall()
        publishing = asyncio.create_task(bus.publish_many([call(1)] * 400_000))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        publishing.cancel()
        await asyncio.wait([publishing])
        cancelled_s = time.monotonic() - began
        link.mend()
        assert cancelled_s < 0.3, "sealing as many takes seconds"


def test_an_error_that_cut_off_no_publish_has_nothing_behind_it() -> None:
    assert PublishError.behind(TimeoutError()) is None
    failed = PublishError("full", [1])
    assert PublishError.behind(failed) is failed


async def test_sending_again_what_was_cut_off_warns_of_no_duplicate(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        known = PublishError.behind(await by_timeout(bus.publish_many(prepared(bus, 10_000))))
        assert known is not None
        await bus.publish_many(known.unacknowledged)
        assert bus.publish_counts.duplicates == 0


async def test_two_events_under_one_identity_are_warned_of_and_counted(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(bus.prepare(call(1), id="the-same"))
        assert bus.publish_counts.duplicates == 0
        await bus.publish(bus.prepare(call(2), id="the-same"))
        assert bus.publish_counts.duplicates == 1
    [warning] = [record.getMessage() for record in caplog.records]
    assert "1 events were stored before under their identity" in warning
    assert "elk_stats.ServiceCall 'the-same'" in warning
