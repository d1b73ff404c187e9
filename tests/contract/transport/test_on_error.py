"""`on_error` is told of every message that is thrown away, on every transport."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import dms_events
from dms_events import Bus, ConfigError, DecodeError, Discarded, DroppedError, UnknownTypeError
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect, event_calls, letters
from tests.kit.programs.processes import until

TYPE = "elk_stats.ServiceCall"
ROOM: dict[str, dict[str, Any]] = {
    "nats-core": {"core_buffer_bytes": 2_000},
    "libp2p": {"buffer_bytes": 2_000},
}


@pytest.mark.direct
async def test_what_cannot_be_read_is_told_with_its_bytes_and_its_source(place: Place) -> None:
    told: list[Discarded] = []
    unknown = b'{"Type": "elk_stats.Nothing", "Data": "e30="}'
    async with place.connect(on_error=told.append) as bus, bus.subscribe(ServiceCall) as messages:
        for data in (b"noise", unknown):
            await place.put(data, TYPE, source="peer-1")
        await bus.publish(call(1))
        [message] = await collect(messages, 1)
        assert message.event.call_id == 1
        await until(lambda: len(told) == 2, "both are told")
        assert (messages.undecodable, bus.discards.count) == (2, 2)
    by_bytes = {discarded.data: discarded for discarded in told}
    assert isinstance(by_bytes[b"noise"].error, DecodeError)
    assert isinstance(by_bytes[unknown].error, UnknownTypeError)
    for discarded in told:
        assert discarded.count == 1
        assert TYPE in discarded.subject
        assert discarded.source == place.source_of("peer-1")
        assert discarded.size >= len(discarded.data)


@pytest.mark.promised("acknowledges")
async def test_what_is_kept_as_a_dead_letter_is_not_told(place: Place) -> None:
    told: list[Discarded] = []
    async with (
        place.connect(on_error=told.append) as bus,
        bus.subscribe(ServiceCall, durable="billing") as messages,
    ):
        await place.put(b"noise", TYPE)
        await bus.publish(call(1))
        await collect(messages, 1)
        await until(lambda: messages.undecodable == 1, "it is read")
    async with place.connect() as bus:
        assert len(await letters(bus)) == 1
    assert told == []


@pytest.mark.only("nats-core", "libp2p")
async def test_messages_that_are_dropped_for_want_of_room_are_told_in_bursts(
    place: Place, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Discarded] = []
    async with (
        place.connect(on_error=told.append, **ROOM[place.kind]) as reader,
        reader.subscribe(ServiceCall) as messages,
    ):
        for event in event_calls(40):
            await bus.publish(event)
        await until(lambda: messages.dropped > 30, "there is no room")
    assert sum(discarded.count for discarded in told) == messages.dropped == reader.discards.count
    assert len(told) < messages.dropped
    for discarded in told:
        assert isinstance(discarded.error, DroppedError)
        assert discarded.error.count == discarded.count
        assert not discarded.data
    assert f"{messages.dropped} messages were dropped so far" in caplog.text


@pytest.mark.direct
async def test_a_callback_that_raises_is_logged_and_counted_and_disturbs_nothing(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(discarded: Discarded) -> None:
        raise SystemExit(f"it said {discarded.data!r}")

    async with place.connect(on_error=broken) as bus, bus.subscribe(ServiceCall) as messages:
        await place.put(b"noise", TYPE)
        await bus.publish(call(1))
        assert [m.event.call_id for m in await collect(messages, 1)] == [1]
        await until(lambda: bus.discards.failed_calls == 1, "it was called")
    [record] = [r for r in caplog.records if r.name == "dms_events" and r.levelno == logging.ERROR]
    assert record.message.startswith("on_error raised on <Discarded error='DecodeError'")
    assert "in broken\n" in record.message
    assert record.message.endswith("SystemExit")
    assert "noise" not in caplog.text


def test_neither_the_payload_nor_the_text_of_the_error_shows() -> None:
    discarded = Discarded(error=ValueError("the mnemonic is"), data=b"the mnemonic", size=12)
    assert "mnemonic" not in f"{discarded!r} {discarded} {[discarded]}"
    assert "ValueError" in repr(discarded)


class _Async:
    async def __call__(self, discarded: Discarded) -> None: ...


async def _later(discarded: Discarded) -> None: ...


@pytest.mark.parametrize("callback", [_later, _Async(), "print"])
def test_a_callback_that_cannot_be_called_in_the_loop_is_refused(callback: Any) -> None:
    with pytest.raises(ConfigError, match="on_error"):
        dms_events.connect("memory://", on_error=callback)
