"""A bus, and a minimal program: each publishes to a Go peer, hears one, and stands in a mesh of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

import dms_events
from dms_events import Bus, Subscription
from dms_events.types.elk_stats import ServiceCall
from tests.kit.go.libp2p import GoNode

from ..table import Row, Section, in_turns
from .minimal import MinimalNode
from .scene import TOPIC, Clock, Scene, until_heard

__all__ = ["DELIVERED", "IN_A_MESH", "RECEIVE", "SEND"]

_BAR = 1.15
_MESH_SHARE = 4
"""A mesh gets a quarter of the messages: it is slow."""
_QUIET_S = 2.0


def _bus(*peers: str) -> Bus:
    return dms_events.connect("libp2p://127.0.0.1:0", bootstrap_peers=peers, wait_for_peers_s=20)


class _Reader:
    """Counts the typed events of a subscription."""

    def __init__(self, messages: Subscription[ServiceCall]) -> None:
        self.count = 0
        self._messages = messages

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()

    async def _read(self) -> None:
        async for _ in self._messages:
            self.count += 1


@asynccontextmanager
async def _with_bus(scene: Scene) -> AsyncIterator[tuple[GoNode, Bus, Subscription[ServiceCall]]]:
    """A Go peer and a bus that have met."""
    async with (
        scene.go() as node,
        _bus(node.address) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await node.wait("joined", 1)
        await bus.publish(scene.events[0])
        yield node, bus, messages


@asynccontextmanager
async def _with_minimal(
    scene: Scene, *, fixed: bool = True
) -> AsyncIterator[tuple[GoNode, MinimalNode, list[bytes]]]:
    arrived: list[bytes] = []
    async with (
        scene.go() as node,
        MinimalNode(TOPIC, arrived.append, fixed=fixed).run(node.address) as minimal,
    ):
        await node.wait("joined", 1)
        await minimal.publish(scene.envelopes[:1])
        arrived.clear()  # stock hands over own messages too
        yield node, minimal, arrived


async def _bus_sends(scene: Scene) -> float:
    async with _with_bus(scene) as (node, bus, _):
        with Clock(scene.count) as clock:
            await bus.publish_many(scene.events)
        await scene.check_heard(node, scene.count + 1)
    return clock.us


async def _minimal_sends(scene: Scene) -> float:
    async with _with_minimal(scene) as (node, minimal, _):
        with Clock(scene.count) as clock:
            await minimal.publish(scene.envelopes)
        await scene.check_heard(node, scene.count + 1)
    return clock.us


async def _bus_receives(scene: Scene) -> float:
    async with _with_bus(scene) as (node, _, messages), _Reader(messages) as reader:
        with Clock(scene.count) as clock:
            node.publish(scene.count)
            await until_heard(node, scene.count, lambda: reader.count)
    return clock.us


async def _minimal_receives(scene: Scene) -> float:
    async with _with_minimal(scene) as (node, _, arrived):
        with Clock(scene.count) as clock:
            node.publish(scene.count)
            await until_heard(node, scene.count, lambda: len(arrived))
    return clock.us


async def _bus_in_a_mesh(scene: Scene) -> float:
    count = scene.count // _MESH_SHARE
    async with _bus() as bus, bus.subscribe(ServiceCall) as messages:
        [address] = bus.transport.addresses
        async with scene.mesh(address) as publisher, _Reader(messages) as reader:
            with Clock(count) as clock:
                publisher.publish(count)
                await until_heard(publisher, count, lambda: reader.count)
    return clock.us


async def _minimal_in_a_mesh(scene: Scene) -> float:
    count = scene.count // _MESH_SHARE
    arrived: list[bytes] = []
    async with (
        MinimalNode(TOPIC, arrived.append, fixed=True).run() as minimal,
        scene.mesh(minimal.address) as publisher,
    ):
        with Clock(count) as clock:
            publisher.publish(count)
            await until_heard(publisher, count, lambda: len(arrived))
    return clock.us


async def _settled(count: Callable[[], Awaitable[int]]) -> float:
    """How many had arrived when no more came for a while; one at least, for the ratio."""
    before, now = -1, 0
    while now > before:
        before = now
        await asyncio.sleep(_QUIET_S)
        now = await count()
    return float(max(1, now))


async def _bus_hears(scene: Scene) -> float:
    async with _with_bus(scene) as (node, _, messages), _Reader(messages) as reader:

        async def count() -> int:
            return reader.count

        node.publish(scene.count)
        await node.wait("published", 1)
        return await _settled(count)


async def _stock_hears(scene: Scene) -> float:
    async with _with_minimal(scene, fixed=False) as (node, _, arrived):

        async def count() -> int:
            return len(arrived)

        node.publish(scene.count)
        await node.wait("published", 1)
        return await _settled(count)


async def _bus_is_heard(scene: Scene) -> float:
    async with _with_bus(scene) as (node, bus, _):
        await bus.publish_many(scene.events)
        return await _settled(node.heard) - 1


async def _stock_is_heard(scene: Scene) -> float:
    async with _with_minimal(scene, fixed=False) as (node, minimal, _):
        await minimal.publish(scene.envelopes)
        return await _settled(node.heard) - 1


def _section(title: str, bus: object, minimal: object) -> Section:
    what = "bus, typed / minimal program with the same fixes, bytes"
    measure = in_turns({"bus": bus, "minimal": minimal})
    return Section(title, "CPU µs", measure, [Row(what, "bus", "minimal", _BAR, at_most=True)])


SEND = _section("Python → Go", _bus_sends, _minimal_sends)
RECEIVE = _section("Go → Python", _bus_receives, _minimal_receives)
IN_A_MESH = _section("one node in a mesh of six Go peers", _bus_in_a_mesh, _minimal_in_a_mesh)
DELIVERED = Section(
    "delivered, each with one event a millisecond or less",
    "messages",
    in_turns(
        {
            "bus hears": _bus_hears,
            "stock hears": _stock_hears,
            "bus is heard": _bus_is_heard,
            "stock is heard": _stock_is_heard,
        }
    ),
    [
        Row(
            "Go → bus / Go → py-libp2p as its examples show it",
            "bus hears",
            "stock hears",
            at_most=True,
        ),
        Row(
            "bus → Go / py-libp2p as its examples show it → Go",
            "bus is heard",
            "stock is heard",
            at_most=True,
        ),
    ],
)
