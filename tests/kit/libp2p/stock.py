"""py-libp2p as it is: a host with gossipsub as the examples of the library show it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
import trio
from libp2p import new_host
from libp2p.peer.peerinfo import PeerInfo, info_from_p2p_addr
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from dms_events_libp2p.workarounds import socket_closer

__all__ = ["Stock", "ends", "gossip_stream", "run", "stock", "until"]

_MESH = "/meshsub/1.1.0"

_ANY = Multiaddr("/ip4/127.0.0.1/tcp/0")


class Stock(NamedTuple):
    host: Any
    pubsub: Any
    router: Any

    async def meet(self, other: Stock) -> None:
        """Connect, and wait until each has the gossip stream of the other."""
        await self.host.connect(other.info())
        await until(lambda: other.id in self.pubsub.peers and self.id in other.pubsub.peers)

    def info(self) -> PeerInfo:
        return info_from_p2p_addr(Multiaddr(self.host.get_addrs()[0]))

    @property
    def id(self) -> Any:
        return self.host.get_id()


@asynccontextmanager
async def stock(**options: Any) -> AsyncIterator[Stock]:
    """A host with gossipsub as the examples of the library show it."""
    host = new_host(**options)
    close_sockets = socket_closer(host.get_network())
    router = GossipSub(
        protocols=[PROTOCOL_ID_V12, PROTOCOL_ID_V11], degree=6, degree_low=5, degree_high=12
    )
    pubsub = Pubsub(host, router)
    try:
        async with (
            host.run([_ANY]),
            background_trio_service(pubsub),
            background_trio_service(router),
        ):
            await pubsub.wait_until_ready()
            yield Stock(host, pubsub, router)
            await host.close()
    finally:
        await close_sockets()
        pubsub.seen_messages.stop()


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def gossip_stream(node: Stock, other: Stock) -> Any:
    """A second gossip stream to the other, on which bytes of any kind can be written."""
    await node.host.connect(other.info())
    return await node.host.new_stream(other.id, [_MESH])


def run(main: Callable[[], Awaitable[None]]) -> None:
    """In trio."""
    trio.run(main)


def ends(main: Callable[[], Awaitable[None]], kind: type[BaseException]) -> None:
    """What runs in ``main`` is ended by an exception of this kind."""
    with pytest.raises(BaseExceptionGroup) as caught:
        run(main)
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, kind), repr(error)
