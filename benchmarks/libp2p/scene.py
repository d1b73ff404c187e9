"""What all contestants share: a Go peer or a mesh of them, the same events, and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.bus.scene import TYPE_NAME, Clock, sealed, service_call
from dms_events.types.elk_stats import ServiceCall
from tests.kit.go.libp2p import GoNode, build

__all__ = ["MESH", "MESH_EVERY", "TOPIC", "Clock", "Scene", "until_heard"]

TOPIC = f"dms/events/{TYPE_NAME}"
MESH = 6
MESH_EVERY = "5ms"
_LEAST_HEARD = 0.95
_QUIET_S = 0.5


class Scene:
    """``count`` events, and the program of the Go peers."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.binary = build()
        self.events: list[ServiceCall] = [service_call(number) for number in range(count)]
        self.envelopes = [sealed(event) for event in self.events]

    @asynccontextmanager
    async def go(self) -> AsyncIterator[GoNode]:
        """Run a Go peer that counts the messages it hears, and publishes one event each millisecond."""
        async with GoNode.run(self.binary, quiet="true") as node:
            yield node

    @asynccontextmanager
    async def mesh(self, address: str) -> AsyncIterator[GoNode]:
        """Go peers that are connected to a node and to each other; the one that publishes, slowly."""
        async with AsyncExitStack() as stack:
            nodes: list[GoNode] = []
            for _ in range(MESH):
                known = ",".join([address, *(node.address for node in nodes)])
                run = GoNode.run(self.binary, quiet="true", keep=known, every=MESH_EVERY)
                nodes.append(await stack.enter_async_context(run))
            for node in nodes:
                await node.wait("joined", MESH)
            await asyncio.sleep(2)  # for two heartbeats, in which the mesh is made
            yield nodes[-1]

    async def check_heard(self, node: GoNode, expected: int) -> None:
        """A Go peer heard nearly all; one that gets no CPU loses some in its validation queue.

        Raises:
            RuntimeError: it did not.
        """
        for _ in range(100):
            heard = await node.heard()
            if heard == expected:
                return
            await asyncio.sleep(0.05)
        if heard < _LEAST_HEARD * expected:
            raise RuntimeError(f"{expected} messages were sent to the Go peer, {heard} heard")


async def until_heard(node: GoNode, count: int, heard: Callable[[], int]) -> None:
    """Wait until a Go peer has published, and all messages have arrived that its own queue did not lose.

    Raises:
        RuntimeError: too many did not arrive.
    """
    await node.wait("published", 1)
    before = -1
    while before < heard() < count:
        before = heard()
        await asyncio.sleep(_QUIET_S)
    if heard() < _LEAST_HEARD * count:
        raise RuntimeError(f"the Go peer published {count} messages, {heard()} arrived")
