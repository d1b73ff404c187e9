"""Streams that end, and connections that are closed or cut, in quick succession: a node gets over it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from dms_events import Bus, PublishError
from dms_events.types.elk_stats import ServiceCall
from dms_events_libp2p.node.node import Node
from tests.contract.places import call, collect, until
from tests.kit.go.libp2p import GoNode
from tests.kit.libp2p.buses import connect
from tests.kit.libp2p.go_peers import met
from tests.kit.soak import seeded, sized

Act = Callable[[Node], Awaitable[None]]


async def reset_own(node: Node) -> None:
    for stream in list(node.pubsub.peers.values()):
        await stream.reset()


async def close_own(node: Node) -> None:
    for stream in list(node.pubsub.peers.values()):
        await stream.close()


async def close_connections(node: Node) -> None:
    for connection in node.host.get_network().get_connections():
        await connection.close()


async def cut(node: Node) -> None:
    for connection in node.host.get_network().get_connections():
        await connection.muxed_conn.secured_conn.close()


ACTS: tuple[Act, ...] = (reset_own, close_own, close_connections, cut)


@pytest.mark.soak
async def test_a_node_hears_and_is_heard_after_its_streams_and_connections_were_cut(
    go: Path,
) -> None:
    seed = seeded(2)
    dice = random.Random(seed)
    async with (
        GoNode.run(go) as peer,
        connect(peers=[peer.address]) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await met(bus, peer)

        async def is_heard() -> bool:
            before = len(peer.of("message"))
            with suppress(PublishError):
                await bus.publish(call())
            await asyncio.sleep(0.1)
            return len(peer.of("message")) > before

        async def hears_it() -> bool:
            peer.publish(1)
            return bool(await messages.batch(1, 0.3))

        for _ in range(sized(5, 100)):
            acts = [dice.choice(ACTS) for _ in range(dice.randint(1, 3))]
            for act in acts:
                await _call(bus, act)
                with suppress(PublishError):
                    await bus.publish(call())
                await asyncio.sleep(dice.choice([0, 0.01, 0.05, 0.2, 0.4]))
            await until(is_heard, within_s=60)
            await until(hears_it, within_s=60)


@pytest.mark.soak
async def test_a_node_goes_on_while_its_event_loop_is_blocked(go: Path) -> None:
    async with (
        GoNode.run(go) as peer,
        connect(peers=[peer.address]) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await met(bus, peer)
        peer.publish(500)
        await collect(messages, 1)
        time.sleep(sized(1, 20))  # noqa: ASYNC251
        assert len(await collect(messages, 499)) == 499
        await bus.publish(call())
        await peer.wait("message", 1)
        assert not peer.of("left")


async def _call(bus: Bus, act: Act) -> None:
    with suppress(Exception):  # what is closed already cannot be closed once more
        await bus.transport._bridge.call(act, bus.transport._node)
