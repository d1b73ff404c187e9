"""Outbound queues: large enough for more than a burst, and bounded in bytes too."""

from __future__ import annotations

from typing import Any

from libp2p.pubsub.rpc_queue import PriorityQueue

__all__ = ["Queues"]

_LIMIT = 4_096


class Queues(dict[Any, Any]):
    """The queues by peer. py-libp2p drops RPCs beyond 32, and its limits are constants."""

    def __init__(self, largest: int, most_bytes: int) -> None:
        super().__init__()
        self._largest = largest
        self._most_bytes = most_bytes

    def __setitem__(self, peer: Any, queue: Any) -> None:
        queue.max_message_size = self._largest
        queue._queue = _Bounded(self._most_bytes)
        super().__setitem__(peer, queue)


class _Bounded(PriorityQueue):
    """Holds up to ``most_bytes``, or one RPC of any size."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(_LIMIT)
        self._room = most_bytes

    def push(self, rpc: Any, priority: bool = False) -> bool:
        size = rpc.ByteSize()
        if len(self) and size > self._room:
            return False
        pushed: bool = super().push(rpc, priority)
        if pushed:
            self._room -= size
        return pushed

    def pop(self) -> Any:
        rpc = super().pop()
        if rpc is not None:
            self._room += rpc.ByteSize()
        return rpc
