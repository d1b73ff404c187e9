"""Dead letters are found by who gave them up, when and why, each once; and dropped for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from dms_events import Bus, ConfigError, DeadLetter, UnknownTypeError
from dms_events.identity import parse_rfc3339
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from tests.contract.places import (
    Place,
    buried,
    call,
    collect,
    event_calls,
    letters,
    nothing_comes,
    payment,
    until,
)
from tests.kit.letters import OLD, old_letter

STORING = pytest.mark.promised("acknowledges")


async def three(place: Place, bus: Bus) -> list[DeadLetter]:
    """Letters of three readers, for three reasons, about three types."""
    await bus.publish(
        call(),
    )
    await bus.publish(payment())
    await place.put(b"noise", "nobody.Knows")
    return [
        await buried(bus, ServiceCall, "a", error=ValueError("no such Customer")),
        await buried(bus, NtxPayment, "b", error=KeyError("price")),
        await unread(bus, "c"),
    ]


async def unread(bus: Bus, reader: str) -> DeadLetter:
    """The letter of a reader that gets on its way to what it can read."""
    await bus.publish(call())
    async with bus.subscribe("*", durable=reader) as messages:
        await collect(messages, 3)
        await until(lambda: all_settled(messages))
    [letter] = await letters(bus, reader=reader)
    return letter


async def all_settled(messages: Any) -> bool:
    return await messages.backlog() == 0  # type: ignore[no-any-return]


@STORING
async def test_each_filter_leaves_out_what_does_not_match(place: Place, bus: Bus) -> None:
    first, second, third = every = await three(place, bus)
    assert await letters(bus) == every
    assert [letter.number for letter in every] == [1, 2, 3]
    for which, expected in [
        ({"reader": "b"}, [second]),
        ({"reader": "nobody"}, []),
        ({"type": "elk_stats.*"}, [first, second]),
        ({"type": "ServiceCall"}, [first]),
        ({"type": "elk_stats.NtxPayment"}, [second]),
        ({"type": "nobody.Knows"}, [third]),
        ({"type": "nobody.*"}, [third]),
        ({"type": "*"}, every),
        ({"error": "CUSTOMER"}, [first]),
        ({"error": "keyerror"}, [second]),
        ({"error": "decodeerror: envelope"}, [third]),
        ({"id": second.id}, [second]),
        ({"id": second.id, "reader": "a"}, []),
        ({"type": "elk_stats.*", "error": "value"}, [first]),
    ]:
        assert await letters(bus, **which) == expected, which


@STORING
async def test_a_time_range_takes_its_start_and_not_its_end(place: Place, bus: Bus) -> None:
    first, second, third = await three(place, bus)
    a, b, c = (moment(letter) for letter in (first, second, third))
    assert await letters(bus, since=b) == [second, third]
    assert await letters(bus, until=b) == [first]
    assert await letters(bus, since=a, until=c) == [first, second]
    assert await letters(bus, since=c + timedelta(seconds=1)) == []


def moment(letter: DeadLetter) -> datetime:
    return parse_rfc3339(letter.buried)


@STORING
async def test_a_filter_that_makes_no_sense_is_refused_before_anything_is_read(bus: Bus) -> None:
    with pytest.raises(UnknownTypeError, match="did you mean ServiceCall"):
        bus.dead_letters.find(type="ServiceCal")
    for wrong in ("a b.C", "elk_stats.>", "*.ServiceCall", "elk*", "a.b.c"):
        with pytest.raises(ConfigError, match="none of a type"):
            bus.dead_letters.find(type=wrong)
    with pytest.raises(ConfigError, match=r"since: .*no time zone"):
        bus.dead_letters.find(since=datetime(2026, 11, 23))
    with pytest.raises(ConfigError, match=r"until: .*no time zone"):
        bus.dead_letters.find(until=datetime(2026, 11, 23))


@STORING
async def test_more_letters_than_one_batch_are_found_in_order(bus: Bus) -> None:
    await bus.publish_many(event_calls(700))
    async with bus.subscribe(ServiceCall, durable="d", prefetch=1000) as messages:
        for message in await collect(messages, 700, ack=False):
            await bus.dead_letters.add(
                message.delivery, id=message.id, error=ValueError(), reader="d"
            )
    assert [letter.sequence for letter in await letters(bus)] == list(range(1, 701))


@STORING
async def test_what_is_dropped_is_gone_and_the_others_are_not(place: Place, bus: Bus) -> None:
    first, second, third = await three(place, bus)
    assert await bus.dead_letters.drop(second) is True
    assert await letters(bus) == [first, third]
    assert await bus.dead_letters.drop(second) is False
    assert await letters(bus) == [first, third]
    async with bus.subscribe(NtxPayment, durable="b") as messages:
        assert await nothing_comes(messages)


@pytest.mark.only("nats")
async def test_a_letter_that_was_written_twice_is_one_and_is_dropped_as_one(place: Place) -> None:
    async with place.connect(duplicate_window_s=0.1) as bus, place.foreign() as client:
        js = client.jetstream()
        await bus.publish(call())
        letter = await buried(bus)
        stream = f"{place.root}_DEAD".upper()
        written = await js.get_msg(stream, 1)

        async def taken_again() -> bool:
            """As when its reader died before the term, for longer than the window."""
            subject = str(written.subject)
            ack = await js.publish(subject, written.data or b"", headers=written.headers)
            return ack.duplicate is not True

        await until(taken_again)
        await until(taken_again)
        await bus.publish(call())
        await buried(bus)
        [both, other] = await letters(bus)
        assert both == msgspec.structs.replace(letter, numbers=(1, 2, 3))
        assert (both.number, other.number) == (1, 4)
        assert await bus.dead_letters.drop(both)
        assert await letters(bus) == [other]
        assert (await js.stream_info(stream)).state.messages == 1


@pytest.mark.only("nats")
async def test_letters_without_a_message_id_are_letters_of_their_own(
    place: Place, bus: Bus
) -> None:
    await bus.publish(call())
    await buried(bus)
    async with place.foreign() as client:
        js = client.jetstream()
        written = await js.get_msg(f"{place.root}_DEAD".upper(), 1)
        for _ in range(2):
            await js.publish(str(written.subject), written.data or b"")
        await js.publish(f"{place.root}.dead.elk_stats.ServiceCall._", b"no letter")
    assert [letter.numbers for letter in await letters(bus)] == [(1,), (2,), (3,)]


@STORING
async def test_the_letters_of_an_older_release_are_read_and_replayed(bus: Bus) -> None:
    await bus.publish(old_letter())
    [letter] = await letters(bus, until=parse_rfc3339("2026-11-23T00:00:00Z"))
    on_the_wire = msgspec.to_builtins(letter, builtin_types=(bytes,))
    assert {key: on_the_wire[key] for key in OLD} == OLD
    assert (letter.first_failed, letter.last_failed, letter.headers) == ("", "", {})
    assert (letter.secret, letter.numbers) == (False, (1,))
    await bus.dead_letters.replay(letter, to_all=True)
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        assert [m.id for m in await collect(messages, 1)] == ["old"]


@STORING
async def test_a_letter_without_a_readable_time_is_in_no_range(bus: Bus) -> None:
    await bus.publish(old_letter(buried="yesterday"))
    assert len(await letters(bus)) == 1
    assert await letters(bus, since=parse_rfc3339("0001-01-02T00:00:00Z")) == []


@pytest.mark.only("nats-core")
async def test_where_nothing_is_stored_nothing_is_buried_or_replayed(
    place: Place, bus: Bus
) -> None:
    letter = msgspec.convert({**OLD, "numbers": (1,)}, DeadLetter)
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish(call())
        [message] = await collect(messages, 1)
        with pytest.raises(ConfigError, match="durable=True"):
            await bus.dead_letters.add(message.delivery, id="x", error=ValueError(), reader="r")
        for act in (bus.dead_letters.replay, bus.dead_letters.drop):
            with pytest.raises(ConfigError, match="durable=True"):
                await act(letter)
        assert await nothing_comes(messages)
