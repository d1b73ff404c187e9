"""Questions to other nodes of the DHT: to one, and from one to the next until the nearest are reached."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID

from ..dialling import Dialler, UnreachableError
from ..workarounds import Frames
from .messages import NEAREST, Found, Message, number, peers_in, write
from .table import Table

__all__ = ["Asking", "NoAnswerError"]

_LARGEST_ANSWER = 512 * 1024
_ANSWER_S = 3.0
_DIAL_S = 3.0
_LEAVE_S = 1.0
_MOST_DIALLED = 3
_AT_ONCE = 4
_MOST_ASKED = 60
_LOOKUP_S = 30.0
_MOST_CONNECTED = 32
"""With so many connections a peer is left again after it was asked."""


class NoAnswerError(Exception):
    """A peer was not reached, or answered nothing that could be read."""


class Asking:
    """Asks the nodes of one DHT."""

    def __init__(self, host: Any, dialler: Dialler, protocol: str, table: Table) -> None:
        self._host = host
        self._own = host.get_id()
        self._dialler = dialler
        self._protocol = protocol
        self._table = table

    def learn(self) -> None:
        """Take the connected peers that serve this DHT into the table."""
        for peer in self._dialler.connected:
            if self._dialler.speaks(peer, self._protocol):
                self._table.add(peer, self._dialler.endpoints_of(peer))

    async def ask(self, peer: ID, message: Message) -> Message:
        """One answer of a connected peer.

        Raises:
            NoAnswerError: there was none within three seconds, or it was too large or no message.
        """
        return await self._exchange(peer, message, _answer)

    async def tell(self, peer: ID, message: Message) -> None:
        """Send what is not answered.

        Raises:
            NoAnswerError: the peer did not take it within three seconds.
        """
        await self._exchange(peer, message, _no_answer)

    async def _exchange(self, peer: ID, message: Message, read: Any) -> Any:
        try:
            with trio.fail_after(_ANSWER_S):
                stream = await self._host.new_stream(peer, [self._protocol])
                try:
                    await write(stream, message)
                    return await read(stream)
                finally:
                    with trio.move_on_after(_LEAVE_S, shield=True):
                        await stream.reset()
        except Exception as error:
            raise NoAnswerError(f"{peer}: {error!r}") from error

    async def lookup(
        self, message: Message, take: Callable[[Message, ID], None] = lambda answer, peer: None
    ) -> list[ID]:
        """Ask for ``message.key``, from peer to peer; returns the nearest that answered.

        Each answer is given to ``take``. It ends when the 20 nearest were asked, or after 60 peers or
        half a minute.
        """
        self.learn()
        search = _Search(message.key, self._own, self._table.nearest(message.key))

        async def work() -> None:
            while (peer := await search.next()) is not None:
                try:
                    answer = await self._ask_for(peer, search.known[peer], message)
                except NoAnswerError:
                    self._table.remove(peer)
                    search.failed(peer)
                    continue
                take(answer, peer)
                found = peers_in(answer.closerPeers, NEAREST, self._dialler.reach_to(peer))
                search.answered(peer, found)

        with trio.move_on_after(_LOOKUP_S):
            async with trio.open_nursery() as workers:
                for _ in range(_AT_ONCE):
                    workers.start_soon(work)
        return search.nearest_answered

    async def _ask_for(self, peer: ID, endpoints: list[Any], message: Message) -> Message:
        dialled = not self._dialler.is_connected(peer)
        if dialled:
            addresses = [endpoint.multiaddr for endpoint in endpoints[:_MOST_DIALLED]]
            try:
                await self._dialler.connect(peer, addresses, _DIAL_S)
            except UnreachableError as error:
                raise NoAnswerError(str(error)) from error
        try:
            answer = await self.ask(peer, message)
        finally:
            if dialled and len(self._dialler.connected) > _MOST_CONNECTED:
                with trio.move_on_after(_LEAVE_S), suppress(Exception):
                    await self._host.disconnect(peer)
        self._table.add(peer, endpoints)
        return answer


class _Search:
    """Which peer to ask next. Those of the table go first: whoever is only told of may be invented."""

    def __init__(self, key: bytes, own: ID, first: Found) -> None:
        self._target = number(key)
        self._first = dict.fromkeys(first)
        self.known = dict(first)
        self._seen = {own, *first}
        self._asked: dict[ID, bool | None] = {}
        """None: was asked. True: and has answered. False: and has not."""
        self._changed = trio.Event()

    async def next(self) -> ID | None:
        """The next peer to ask; waits while one that was asked may still name others."""
        while len(self._asked) < _MOST_ASKED:
            peer = self._unasked()
            if peer is not None:
                self._asked[peer] = None
                return peer
            if None not in self._asked.values():
                return None
            await self._changed.wait()
        return None

    def _unasked(self) -> ID | None:
        for peer in self._first:
            if peer not in self._asked:
                return peer
        hopeful = [peer for peer in self._nearest if self._asked.get(peer, True) is not False]
        return next((peer for peer in hopeful[:NEAREST] if peer not in self._asked), None)

    @property
    def _nearest(self) -> list[ID]:
        return sorted(self.known, key=lambda peer: number(peer.to_bytes()) ^ self._target)

    @property
    def nearest_answered(self) -> list[ID]:
        return [peer for peer in self._nearest if self._asked.get(peer)][:NEAREST]

    def answered(self, peer: ID, found: Found) -> None:
        self._asked[peer] = True
        for other, endpoints in found.items():
            if other not in self._seen and endpoints:
                self._seen.add(other)
                self.known[other] = endpoints
        self._tell()

    def failed(self, peer: ID) -> None:
        self._asked[peer] = False
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


async def _answer(stream: Any) -> Message:
    answer = Message()
    answer.ParseFromString(await Frames(stream, _LARGEST_ANSWER).next())
    return answer


async def _no_answer(stream: Any) -> None:
    """Until the peer has read it all: a reset would take back what it has not read yet."""
    await stream.close_write()
    with suppress(StreamEOF):
        await stream.read(1)
