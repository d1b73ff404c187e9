"""Events of a full stream go into a sink: through the forwarder, and by hand."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import dms_events
from dms_events import Forwarder
from dms_events.sink import Document, Sink, SinkVerdict, Verdict, document_of
from dms_events.types.elk_stats import ServiceCall

from ..bus.consume import HEADER, filled
from ..bus.scene import Clock, Scene
from ..table import Row, Section, in_turns

__all__ = ["SECTIONS"]

_BATCH = 1000
_STORED = SinkVerdict(Verdict.STORED)


class NothingSink(Sink):
    """Stores nothing, and says that it did."""

    async def open(self) -> None:
        return

    async def close(self) -> None:
        return

    async def count(self) -> dict[str, int]:
        return {}

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        return [_STORED] * len(batch)


def _sink(kind: str, folder: str) -> Sink:
    return NothingSink() if kind == "nothing" else dms_events.sink_for(f"sqlite:{folder}/events.db")


async def _forwarder(scene: Scene, kind: str) -> float:
    stream = await filled(scene, HEADER)
    with tempfile.TemporaryDirectory() as folder:
        async with _sink(kind, folder) as sink, scene.bus(HEADER) as bus:
            with Clock(scene.count) as clock:
                forwarder = Forwarder(bus, sink, durable="ours", wanted=[ServiceCall])
                forwarder.drain()
                await forwarder.run()
            _check(scene, kind, Path(folder))
    await scene.check_settled(stream, "ours")
    return clock.us


async def _by_hand(scene: Scene, kind: str) -> float:
    """Nothing is tried again, kept alive or recognised."""
    stream = await filled(scene, HEADER)
    left = scene.count
    with tempfile.TemporaryDirectory() as folder:
        async with _sink(kind, folder) as sink, scene.bus(HEADER) as bus:
            with Clock(scene.count) as clock:
                reading = bus.subscribe("elk_stats.ServiceCall", durable="theirs", prefetch=_BATCH)
                async with reading as messages:
                    while left:
                        batch = await messages.batch(_BATCH, 0.2)
                        await sink.write([document_of(message) for message in batch])
                        for message in batch:
                            await message.ack()
                        left -= len(batch)
            _check(scene, kind, Path(folder))
    await scene.check_settled(stream, "theirs")
    return clock.us


def _check(scene: Scene, kind: str, folder: Path) -> None:
    from tests.kit.storing import count_in

    if kind == "sqlite" and (found := count_in(folder / "events.db")) != scene.count:
        raise RuntimeError(f"{scene.count} documents were expected, {found} stored")


def _section(title: str, kind: str, bar: float | None) -> Section:
    return Section(
        f"{title}, JetStream",
        "CPU µs",
        in_turns(
            {"forwarder": partial(_forwarder, kind=kind), "hand": partial(_by_hand, kind=kind)}
        ),
        [Row("Forwarder / batch + document + write + ack", "forwarder", "hand", bar, at_most=True)],
    )


SECTIONS = {
    "nothing": _section("a sink that stores nothing", "nothing", None),
    "sqlite": _section("SQLite", "sqlite", None),
}
