"""Questions to nodes of the DHT: to one node, and from node to node until the nearest are reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID

from ..addresses import Endpoint
from ..dialling import Dialler
from ..workarounds import Frames
from .messages import NEAREST, Found, Message, peers_in, write
from .search import Search
from .table import Table

__all__ = ["Asking", "NoAnswerError"]

_LARGEST_ANSWER = 512 * 1024
_ANSWER_S = 3.0
_DIAL_S = 3.0
_LEAVE_S = 1.0
_MOST_DIALLED = 3
_AT_ONCE = 4
_LOOKUP_S = 30.0
_MOST_CONNECTED = 32
"""With this many connections a peer that was dialled for a question is disconnected after it."""


class NoAnswerError(Exception):
    """A peer was not reached, or its answer could not be read."""


class Asking:
    """Asks the nodes of one DHT."""

    def __init__(self, host: Any, dialler: Dialler, protocol: str, table: Table) -> None:
        self._host = host
        self._own = host.get_id()
        self._dialler = dialler
        self._protocol = protocol
        self._table = table

    def learn(self) -> None:
        """Add the connected peers that serve this DHT to the table."""
        for peer in self._dialler.connected:
            if self._dialler.speaks(peer, self._protocol):
                self._table.add(peer, self._dialler.endpoints_of(peer))

    async def ask(self, peer: ID, endpoints: list[Endpoint], message: Message) -> Message:
        """Ask a peer and return its answer. A peer that is not connected is dialled.

        Raises:
            NoAnswerError: no answer came within three seconds, or it was too large or no message.
        """
        answer: Message = await self._exchange(peer, endpoints, message, _answer)
        return answer

    async def tell(self, peer: ID, endpoints: list[Endpoint], message: Message) -> None:
        """Send a message that gets no answer. A peer that is not connected is dialled.

        Raises:
            NoAnswerError: the peer did not take it within three seconds.
        """
        await self._exchange(peer, endpoints, message, _no_answer)

    async def _exchange(
        self,
        peer: ID,
        endpoints: list[Endpoint],
        message: Message,
        read: Callable[[Any], Awaitable[Any]],
    ) -> Any:
        try:
            dialled = await self._connect(peer, endpoints)
            try:
                with trio.fail_after(_ANSWER_S):
                    return await self._on_a_stream(peer, message, read)
            finally:
                if dialled and len(self._dialler.connected) > _MOST_CONNECTED:
                    with trio.move_on_after(_LEAVE_S, shield=True):
                        await self._host.disconnect(peer)
        except Exception as error:
            self._table.remove(peer)
            raise NoAnswerError(f"{peer}: {error!r}") from error

    async def _connect(self, peer: ID, endpoints: list[Endpoint]) -> bool:
        """Returns False if the peer was connected already."""
        addresses = [endpoint.multiaddr for endpoint in endpoints[:_MOST_DIALLED]]
        return await self._dialler.connect(peer, addresses, _DIAL_S) is not None

    async def _on_a_stream(
        self, peer: ID, message: Message, read: Callable[[Any], Awaitable[Any]]
    ) -> Any:
        stream = await self._host.new_stream(peer, [self._protocol])
        try:
            await write(stream, message)
            return await read(stream)
        finally:
            with trio.move_on_after(_LEAVE_S, shield=True):
                await stream.reset()

    async def lookup(
        self, message: Message, take: Callable[[Message, ID], None] = lambda answer, peer: None
    ) -> Found:
        """Ask for ``message.key`` from peer to peer. Returns the nearest peers that answered.

        Each answer is given to ``take``. The lookup ends when the 20 nearest peers were asked, or after
        60 peers or half a minute.
        """
        self.learn()
        search = Search(message.key, self._own, self._table.nearest(message.key))

        async def work() -> None:
            while (peer := await search.next()) is not None:
                endpoints = search.known[peer]
                try:
                    answer = await self.ask(peer, endpoints, message)
                except NoAnswerError:
                    search.failed(peer)
                    continue
                self._table.add(peer, endpoints)
                take(answer, peer)
                found = peers_in(answer.closerPeers, NEAREST, self._dialler.reach_to(peer))
                search.answered(peer, found)

        with trio.move_on_after(_LOOKUP_S):
            async with trio.open_nursery() as workers:
                for _ in range(_AT_ONCE):
                    workers.start_soon(work)
        return search.nearest_answered


async def _answer(stream: Any) -> Message:
    answer = Message()
    answer.ParseFromString(await Frames(stream, _LARGEST_ANSWER).next())
    return answer


async def _no_answer(stream: Any) -> None:
    """Wait until the peer has read the message. A reset would take back the unread part of it."""
    await stream.close_write()
    with suppress(StreamEOF):
        await stream.read(1)
