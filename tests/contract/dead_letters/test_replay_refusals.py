"""What cannot be published as it was is not published at all, and stays a dead letter."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import Bus, ConfigError, ReplayError
from tests.contract.places import Place, buried, call, letters

pytestmark = pytest.mark.promised("acknowledges")

CALL = "elk_stats.ServiceCall"
DATA = base64.b64encode(dms_events.encode(call(5))).decode()


def go_written(**more: Any) -> bytes:
    """An envelope without an ID, as Go's `MessageEnvelope` is written."""
    return msgspec.json.encode({"Type": CALL, "Data": DATA, **more})


@pytest.mark.parametrize("id", ["x" * 5000, "ü" * 5000], ids=["ascii", "more bytes"])
async def test_an_identity_that_was_cut_is_not_replayed_as_another(
    place: Place, bus: Bus, id: str
) -> None:
    await place.put(go_written(), CALL, id=id)
    letter = await buried(bus)
    with pytest.raises(ReplayError, match="was cut to 300 characters"):
        await bus.dead_letters.replay(letter)
    assert await letters(bus) == [letter]


@pytest.mark.parametrize(
    "forged",
    [
        {"type_name": "elk_stats.ServiceCall._ 3\r\nabc\r\nPUB other.subject"},
        {"type_name": "elk_stats.>"},
        {"type_name": ""},
        {"source": "a b"},
        {"source": "a.b"},
        {"source": "\r\n"},
    ],
)
async def test_a_forged_letter_is_published_nowhere_else(bus: Bus, forged: dict[str, str]) -> None:
    await bus.publish(call())
    letter = msgspec.structs.replace(await buried(bus), **forged)
    with pytest.raises(ReplayError, match="names no type and source"):
        await bus.dead_letters.replay(letter)
    assert len(await letters(bus)) == 1


async def test_a_letter_that_was_not_read_from_the_stream_is_refused(bus: Bus) -> None:
    await bus.publish(call())
    letter = msgspec.structs.replace(await buried(bus), numbers=())
    for act in (bus.dead_letters.replay, bus.dead_letters.drop):
        with pytest.raises(ConfigError, match=r"take it from bus\.dead_letters"):
            await act(letter)
    assert len(await letters(bus)) == 1


@pytest.mark.only("nats")
@pytest.mark.parametrize("another", [False, True], ids=["gone", "another in its place"])
async def test_half_a_message_is_never_replayed(narrow: Place, another: bool) -> None:
    payload = go_written(Padding="p" * 64_700, ID="long")
    async with narrow.connect() as bus:
        await narrow.put(payload, CALL)
        letter = await buried(bus)
        if another:
            await narrow.put(payload.replace(b"ppp", b"qqq"), CALL)
            letter = msgspec.structs.replace(letter, sequence=2)
        else:
            assert await narrow.undo(1)
        for dry_run in (True, False):
            with pytest.raises(ReplayError, match=r"the original is not at \d of the ev"):
                await bus.dead_letters.replay(letter, dry_run=dry_run)
        assert len(await letters(bus)) == 1
        async with bus.subscribe("*", durable="billing") as messages:
            assert len(await messages.batch(2, 0.3)) == another


@pytest.mark.only("nats")
async def test_what_was_published_where_no_type_is_named_is_not_replayed_elsewhere(
    place: Place, bus: Bus
) -> None:
    async with place.foreign() as client:
        await client.jetstream().publish(f"{place.root}.events.lonely", go_written())
    letter = await buried(bus)
    assert (letter.subject, letter.type_name) == (f"{place.root}.events.lonely", "")
    with pytest.raises(ReplayError, match="lonely', which names no type"):
        await bus.dead_letters.replay(letter)
    assert await letters(bus) == [letter]
