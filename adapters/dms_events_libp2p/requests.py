"""Requests between nodes: each goes to one peer, on a stream of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakValueDictionary

from dms_events.aio import TaskSet
from dms_events.errors import ConfigError, RequestError, RequestTimeoutError, TransportError
from dms_events.transport import Answer, OutgoingMessage, RequestDelivery

from .addresses import target_of
from .bridge import Bridge
from .node import LARGEST_FRAME, Inbound, Node
from .publishing import call_node
from .settings import NodeSettings

__all__ = ["Requests"]

_log = logging.getLogger("dms_events")
_MOST_AT_ONCE = 50
"""Requests at one peer. Of 100 at once a Go peer refuses about a quarter."""
_MOST_UNSENT = 8 << 20
_NO_PEER = "name the peer that shall answer, by its id or by a multiaddr with /p2p/"


class _Unsent:
    """Bytes of answers that one peer has not taken yet."""

    def __init__(self) -> None:
        self._bytes = 0
        self._less = asyncio.Event()

    async def room(self) -> None:
        """Wait while there are too many of these bytes."""
        while self._bytes >= _MOST_UNSENT:
            self._less.clear()
            await self._less.wait()

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Count ``size`` more bytes until the block is left."""
        self._bytes += size
        try:
            yield
        finally:
            self._bytes -= size
            self._less.set()


class Requests:
    """The requests of a node: those that it asks, and those that it answers."""

    def __init__(self, bridge: Bridge, node: Node, settings: NodeSettings) -> None:
        self._bridge = bridge
        self._node = node
        self._own = settings.peer_id
        self._prefix = settings.request_prefix
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._answering: set[str] = set()
        self._unsent: WeakValueDictionary[str, _Unsent] = WeakValueDictionary()

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        """See `SupportsRequests.request`. At most 50 to a peer are under way; the others wait."""
        if not to:
            raise ConfigError("to", _NO_PEER)
        type_name, data = message.type_name, message.data
        peer, addresses = target_of(to, "to")
        if peer == self._own:
            raise ConfigError("to", "it is this node itself")
        if len(data) > LARGEST_FRAME:
            raise RequestError(
                type_name, f"{len(data)} bytes are over the limit of {LARGEST_FRAME}"
            )
        turns = self._turns.get(peer) or asyncio.Semaphore(_MOST_AT_ONCE)
        self._turns[peer] = turns
        try:
            async with asyncio.timeout(timeout_s), turns:
                protocol = self._protocol(type_name)
                ask = self._node.streams.ask
                return await call_node(
                    self._bridge, ask, type_name, peer, addresses, protocol, data
                )
        except TimeoutError as error:
            reason = f"no answer of peer {peer} within {timeout_s:g} s"
            raise RequestTimeoutError(type_name, reason) from error

    @asynccontextmanager
    async def respond(self, type_name: str, answer: Answer) -> AsyncIterator[None]:
        """See `SupportsRequests.respond`. A type has one responder in a node."""
        protocol, running = self._protocol(type_name), TaskSet()
        if protocol in self._answering:
            reason = f"{type_name} has a responder in this node; call one handler from the other"
            raise ConfigError("respond", reason)

        def start(inbound: Inbound) -> None:
            running.start(self._answer(answer, inbound))

        def take(inbound: Inbound) -> None:
            self._bridge.post(start, inbound)

        self._answering.add(protocol)
        try:
            serve = self._node.streams.serve
            await call_node(self._bridge, serve, type_name, protocol, take)
            try:
                yield
            finally:
                self._bridge.soon(self._node.streams.serve_no_more, protocol)
                await running.finish()
        finally:
            self._answering.discard(protocol)

    async def _answer(self, answer: Answer, inbound: Inbound) -> None:
        request = RequestDelivery(
            data=inbound.data,
            subject=inbound.protocol,
            type_name=inbound.type_name,
            source=inbound.peer,
            largest_answer=LARGEST_FRAME,
        )
        unsent = self._unsent.get(inbound.peer) or _Unsent()
        self._unsent[inbound.peer] = unsent
        try:
            await unsent.room()
            data = await answer(request)
            with unsent.held(len(data)):
                await call_node(self._bridge, inbound.send, data)
        except TransportError as error:
            _log.debug("an answer to peer %s was not sent: %s", inbound.peer, error)
        finally:
            self._bridge.soon(inbound.drop)

    def _protocol(self, type_name: str) -> str:
        return f"{self._prefix}{type_name}/0.0.1"
