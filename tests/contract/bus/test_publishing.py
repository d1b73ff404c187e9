"""What a bus does not send, whatever transport it has."""

from __future__ import annotations

import math
from datetime import datetime

import msgspec
import pytest

from dms_events import (
    Bus,
    ConfigError,
    EncodeError,
    UnknownTypeError,
)
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import call, collect, nothing_comes

pytestmark = pytest.mark.direct


@pytest.mark.parametrize("bad", [0, 1, 63, 64, 65, 200])
async def test_a_generator_goes_on_after_the_event_that_go_cannot_read(bus: Bus, bad: int) -> None:
    events = (call(math.nan if n == bad else n) for n in range(300))
    async with bus.subscribe(ServiceCall) as messages:
        with pytest.raises(EncodeError):
            await bus.publish_many(events)
        assert await bus.publish_many(events) == 299 - bad
        arrived = [m.event.call_id for m in await collect(messages, 299)]
    assert arrived == [float(n) for n in range(300) if n != bad]


async def test_an_event_go_cannot_read_ends_publish_many_after_those_before(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        with pytest.raises(EncodeError) as caught:
            await bus.publish_many([call(1), call(2), call(math.nan), call(4)])
        assert (caught.value.type, caught.value.field) == ("elk_stats.ServiceCall", "call_id")
        assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 2.0]
        assert await nothing_comes(messages)
        await bus.publish(call(5))
        assert [m.event.call_id for m in await collect(messages, 1)] == [5.0]


async def test_an_event_go_cannot_read_is_not_sent(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        with pytest.raises(EncodeError):
            await bus.publish(call(status="\ud800"))
        assert await nothing_comes(messages, 0.2)


async def test_what_is_no_dms_type_is_not_sent(bus: Bus) -> None:
    class Stranger(msgspec.Struct):
        name: str

    with pytest.raises(UnknownTypeError, match="Stranger"):
        await bus.publish(Stranger(name="x"))


async def test_a_time_without_a_zone_does_not_leave(bus: Bus) -> None:
    with pytest.raises(ConfigError, match="time"):
        bus.prepare(call(), time=datetime(2026, 11, 3))
