"""Replays: messages that others send again, validly signed, hours later and after a restart."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair

from dms_events.envelope import Envelope, encode_envelope
from dms_events.types.elk_stats import ServiceCall
from dms_events_libp2p.keys.node_key import new_key
from tests.contract.places import collect, event_calls, nothing_comes
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.hostile import message
from tests.kit.libp2p.replaying import forget, pass_on

PAIR = create_new_key_pair()
GOOD = b'{"Type":"elk_stats.ServiceCall","Data":"e30="}'
COUNT = 3_000


def at(number: int, **fields: str) -> Any:
    data = encode_envelope(Envelope(type="elk_stats.ServiceCall", data=b"{}", **fields))
    return message(PAIR, data, number)


async def test_replays_are_dropped_and_counted_after_a_restart_too(tmp_path: Path) -> None:
    now = time.time_ns()
    messages = [message(PAIR, GOOD, now + n) for n in range(COUNT)]
    reader_options = {"state_dir": tmp_path, "private_key": new_key()}
    async with connect() as carrier:
        async with (
            connect(carrier, **reader_options) as reader,
            reader.subscribe(ServiceCall, prefetch=COUNT) as found,
        ):
            await hears(carrier, reader)
            await pass_on(carrier, messages)
            assert not any(m.possibly_replayed for m in await collect(found, COUNT))
            forget(reader)
            await pass_on(carrier, messages)
            await eventually(lambda: reader.transport.figures.replayed == COUNT)
            assert await nothing_comes(found, 0.1)
        await eventually(lambda: not carrier.transport._node.pubsub.peers)
        async with (
            connect(carrier, **reader_options) as reader,
            reader.subscribe(ServiceCall) as found,
        ):
            await hears(carrier, reader)
            await pass_on(carrier, messages)
            await eventually(lambda: reader.transport.figures.replayed == COUNT)
            assert await nothing_comes(found, 0.1)
            await pass_on(carrier, [message(PAIR, GOOD, now + COUNT)])
            assert not (await collect(found, 1))[0].possibly_replayed


@pytest.mark.parametrize("drops", [False, True])
async def test_what_is_below_the_window_is_marked_or_dropped(drops: bool) -> None:
    now = time.time_ns()
    old = [at(now - 10**12 + n) for n in range(5)]
    async with (
        connect() as carrier,
        connect(carrier, drop_below_window=drops) as reader,
        reader.subscribe(ServiceCall) as found,
    ):
        await hears(carrier, reader)
        await pass_on(carrier, [at(now), *old, at(now + 1)])
        marks = [m.possibly_replayed for m in await collect(found, 2 if drops else 7)]
        assert marks == [False, *([] if drops else [True] * 5), False]
        assert reader.transport.figures.possibly_replayed == 5
        assert found.possibly_replayed == (0 if drops else 5)
        forget(reader)
        await pass_on(carrier, old)
        await eventually(lambda: reader.transport.figures.replayed == 5)
        assert await nothing_comes(found, 0.1)


async def test_a_publisher_whose_clock_was_set_back_is_heard_and_with_a_state_folder_unmarked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = "dms_events_libp2p.state.seqnos.time_ns"
    async with connect() as reader, reader.subscribe(ServiceCall) as found:
        for folder, marked in ((None, True), (tmp_path, False)):
            key = new_key()
            for life, ahead_s in enumerate((3_600, 0)):
                monkeypatch.setattr(clock, lambda s=ahead_s: time.time_ns() + s * 10**9)
                async with connect(reader, private_key=key, state_dir=folder) as bus:
                    await hears(bus, reader)
                    await bus.publish_many(event_calls(5))
                    marks = {m.possibly_replayed for m in await collect(found, 5)}
                    assert marks == {marked and life == 1}


async def test_events_that_are_too_old_are_dropped_where_it_is_asked_for() -> None:
    number = time.time_ns()

    def aged(age_s: float) -> str:
        return (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()

    times = {"old": aged(7_200), "new": aged(60), "ahead": aged(-7_200), "none": "", "junk": "noon"}
    messages = [at(number + n, id=id, time=time) for n, (id, time) in enumerate(times.items())]
    async with (
        connect() as carrier,
        connect(carrier, max_age_s=3_600) as reader,
        connect(carrier) as lenient,
        reader.subscribe(ServiceCall) as found,
        lenient.subscribe(ServiceCall) as all_found,
    ):
        await hears(carrier, reader)
        await hears(carrier, lenient)
        await pass_on(carrier, messages)
        assert {m.id for m in await collect(found, 4)} == {"new", "ahead", "none", "junk"}
        assert len(await collect(all_found, 5)) == 5
        assert reader.transport.figures.too_old == 1
