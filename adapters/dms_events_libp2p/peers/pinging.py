"""Round trips to peers in nanoseconds. py-libp2p gives whole milliseconds only."""

from __future__ import annotations

import secrets
import time
from typing import Any

import trio
from libp2p.host.ping import ID as PING
from libp2p.io.utils import read_exactly

__all__ = ["Pings"]

_BYTES = 32
_LEAVE_S = 1.0


class Pings:
    """Pings peers, and remembers the last round trip to each."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self._last_s: dict[Any, float] = {}

    def latency_s(self, peer: Any) -> float | None:
        """Return the last round trip in seconds, or None before the first. For any thread."""
        return self._last_s.get(peer)

    def forget_others(self, peers: set[Any]) -> None:
        """Forget all peers but these."""
        self._last_s = {peer: last for peer, last in self._last_s.items() if peer in peers}

    async def round_trip(self, peer: Any) -> int:
        """Ping a connected peer. Returns the nanoseconds. Waits without a limit of time.

        Raises exceptions of any kind if the peer is gone, refuses, or sends back other bytes.
        """
        stream = await self._host.new_stream(peer, [PING])
        try:
            sent, begun = secrets.token_bytes(_BYTES), time.perf_counter_ns()
            await stream.write(sent)
            returned = await read_exactly(stream, _BYTES)
            took_ns = time.perf_counter_ns() - begun
        finally:
            with trio.move_on_after(_LEAVE_S, shield=True):
                await stream.reset()
        if returned != sent:
            raise ValueError("the peer sent back other bytes")
        self._last_s[peer] = took_ns / 1e9
        return took_ns
