"""Discovery: a node with few peers looks for more, among the peers that it knew and in the DHT."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable

import trio
from libp2p.peer.id import ID

from ..addresses import Endpoint
from ..dht import Found, Kademlia, rendezvous_key
from ..dialling import Dialler, UnreachableError
from ..settings import DhtSettings
from ..state import KnownPeers

__all__ = ["Discovery"]

_log = logging.getLogger("dms_events")
_WANTED = 5
"""With fewer connections a node looks for peers."""
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_LOOK_S = 0.5
_SEARCH_AGAIN_S = 600.0
_SEARCH_S = 60.0
_DIAL_S = 5.0
_AT_ONCE = 4
_MOST_ADDRESSES = 4
_MOST_DIALS = 32
_FIRST_BACKOFF_S = 5.0
_LONGEST_BACKOFF_S = 600.0
_MOST_BACKOFFS = 1_000
_FIRST_PROVIDE_S = 60.0
_PROVIDE_AGAIN_S = 3_600.0
"""Providers are forgotten after two days at most; nodes that are nearer to the key may have come."""
_KEEP_EVERY_S = 5.0
_BEGIN_AGAIN_S = 10.0


class Discovery:
    """The background jobs of a node that find peers. They run until they are cancelled.

    A peer for which ``is_left_out`` is true is not dialled here: another job dials it, or it is refused.
    """

    def __init__(
        self,
        dialler: Dialler,
        known: KnownPeers,
        dht: Kademlia | None,
        settings: DhtSettings | None,
        is_left_out: Callable[[ID], bool],
    ) -> None:
        self._dialler = dialler
        self._known = known
        self._dht = dht
        self._is_left_out = is_left_out
        self._key = rendezvous_key(settings.rendezvous) if settings and settings.rendezvous else b""
        self._limit = settings.limit if settings else 0
        self._backoffs: dict[ID, tuple[float, float]] = {}
        """Until when a peer is not dialled, and how long that is."""

    async def run(self) -> None:
        """Run the jobs for as long as the node runs."""
        async with trio.open_nursery() as jobs:
            jobs.start_soon(self._lasting, self._seek)
            jobs.start_soon(self._lasting, self._keep)
            if self._key:
                jobs.start_soon(self._lasting, self._provide)

    async def _lasting(self, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job, and begin it again if it fails: messages of other nodes must not end this node."""
        while True:
            try:
                await job()
            except Exception:  # noqa: BLE001
                _log.exception("a search for peers failed, and is started again")
            await trio.sleep(_BEGIN_AGAIN_S)

    def keep(self) -> None:
        """Remember the connected peers, in the state folder too."""
        for peer in self._dialler.connected:
            self._known.note(peer, self._dialler.endpoints_of(peer))
        try:
            self._known.keep()
        except OSError as error:
            _log.warning("the state folder cannot be written: %s", error)

    async def _keep(self) -> None:
        while True:
            await trio.sleep(_KEEP_EVERY_S)
            self.keep()

    async def _provide(self) -> None:
        """Announce this node under the rendezvous, so that others find it."""
        assert self._dht is not None
        pause_s = again_s = _FIRST_PAUSE_S
        while True:
            if await self._dht.provide(self._key):
                again_s = min(max(2 * again_s, _FIRST_PROVIDE_S), _PROVIDE_AGAIN_S)
                pause_s, wait_s = _FIRST_PAUSE_S, again_s
            else:
                wait_s = pause_s
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            await trio.sleep(random.uniform(0.75, 1.0) * wait_s)

    async def _seek(self) -> None:
        """Search at once, then less and less often, and at once when few connections change in number."""
        pause_s = _FIRST_PAUSE_S
        while True:
            with trio.move_on_after(_SEARCH_S):
                await self._search()
            longest_s = _SEARCH_AGAIN_S if self._has_enough() else _LONGEST_PAUSE_S
            pause_s = min(pause_s, longest_s)
            changed = await self._changed_within(random.uniform(pause_s / 2, pause_s))
            pause_s = _FIRST_PAUSE_S if changed else 2 * pause_s

    async def _changed_within(self, pause_s: float) -> bool:
        """True as soon as the connections are few and their number has changed. False after the pause."""
        count, end = len(self._dialler.connected), trio.current_time() + pause_s
        while trio.current_time() < end:
            await trio.sleep(min(_LOOK_S, pause_s))
            if len(self._dialler.connected) != count and not self._has_enough():
                return True
        return False

    def _has_enough(self) -> bool:
        return len(self._dialler.connected) >= _WANTED

    async def _search(self) -> None:
        """Dial known peers, peers of the rendezvous until five of those are connected, and DHT nodes."""
        if not self._has_enough():
            await self._dial(self._known.found(), self._has_enough)
        if self._dht is None:
            return
        if self._key:
            there = await self._dht.find_providers(self._key, self._limit)
            await self._dial(there, lambda: sum(map(self._dialler.is_connected, there)) >= _WANTED)
        if not self._key or not self._has_enough():
            await self._dial(await self._dht.find_peers(), self._has_enough)

    async def _dial(self, found: Found, enough: Callable[[], bool]) -> None:
        """Dial up to 32 peers, in order, four at once, until there are ``enough``."""
        waiting = [peer for peer in found if found[peer] and self._may_dial(peer)][:_MOST_DIALS]
        waiting.reverse()

        async def work() -> None:
            while waiting and not enough():
                peer = waiting.pop()
                await self._try(peer, found[peer])

        async with trio.open_nursery() as workers:
            for _ in range(min(_AT_ONCE, len(waiting))):
                workers.start_soon(work)

    def _may_dial(self, peer: ID) -> bool:
        until, _ = self._backoffs.get(peer, (0.0, 0.0))
        return (
            until <= trio.current_time()
            and not self._dialler.is_connected(peer)
            and not self._is_left_out(peer)
        )

    async def _try(self, peer: ID, endpoints: list[Endpoint]) -> None:
        addresses = {endpoint.multiaddr: endpoint for endpoint in endpoints[:_MOST_ADDRESSES]}
        try:
            led = await self._dialler.connect(peer, list(addresses), _DIAL_S)
        except UnreachableError as error:
            _log.debug("peer %s was not reached: %s", peer, error)
            self._back_off(peer)
            return
        self._backoffs.pop(peer, None)
        if led is not None:
            self._known.note(peer, [addresses[led]], dialled=True)

    def _back_off(self, peer: ID) -> None:
        _, last_s = self._backoffs.pop(peer, (0.0, _FIRST_BACKOFF_S / 2))
        if len(self._backoffs) >= _MOST_BACKOFFS:
            del self._backoffs[next(iter(self._backoffs))]
        pause_s = min(2 * last_s, _LONGEST_BACKOFF_S)
        until = trio.current_time() + random.uniform(pause_s / 2, pause_s)
        self._backoffs[peer] = until, pause_s
