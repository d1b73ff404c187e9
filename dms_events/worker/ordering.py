"""Order by key, and batches: events of a key one after the other, those of a batch together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

import msgspec

from .handlers import Handler, error_when_raised
from .settlement import InFlight

__all__ = ["Order"]

_LINGER_AGAIN_S = 0.05


class _Batch(msgspec.Struct, eq=False):
    """The messages of one handler that wait until their batch is complete."""

    handler: Handler
    entries: list[InFlight] = []
    size: int = 0
    """In bytes."""


class Order:
    """Holds entries back until it is their turn.

    Args:
        begin: has the next entry of its key handled; its notes are not looked up before.
        put: has an entry, or the first of a batch with its ``batch_rest``, handled.
        later: calls a function with an argument after so many seconds.
        busy: true if more messages wait than can be handled, so a batch may as well wait for more.
    """

    def __init__(
        self,
        begin: Callable[[InFlight], None],
        put: Callable[[InFlight], None],
        later: Callable[[float, Callable[[_Batch], None], _Batch], None],
        busy: Callable[[], bool],
    ) -> None:
        self._begin = begin
        self._put = put
        self._later = later
        self._busy = busy
        self._chains: dict[Hashable, deque[InFlight]] = {}
        self._batches: dict[Handler, _Batch] = {}

    def arrange(self, entry: InFlight) -> None:
        """Have an entry handled when it is its turn."""
        handler = entry.handler
        if handler.key:
            self._arrange_by_key(entry, handler.key)
        elif handler.batch:
            self._arrange_in_batch(entry, handler)
        else:
            self._put(entry)

    def _arrange_by_key(self, entry: InFlight, key: Callable[[object], Hashable]) -> None:
        try:
            entry.key = (entry.handler, key(entry.message.event))
            chain = self._chains.get(entry.key)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the handler is called with it, and raises it
            entry.key = error_when_raised(error)
            self._begin(entry)
            return
        if chain is None:
            self._chains[entry.key] = deque()
            self._begin(entry)
        else:
            chain.append(entry)

    def _arrange_in_batch(self, entry: InFlight, handler: Handler) -> None:
        batch = self._batches.get(handler)
        if batch is None:
            batch = self._batches[handler] = _Batch(handler)
        batch.entries.append(entry)
        batch.size += entry.message.delivery.size
        if len(batch.entries) >= handler.batch or batch.size >= handler.batch_bytes:
            self._send(handler, batch)
        elif len(batch.entries) == 1:
            self._later(handler.linger_s, self._lingered, batch)

    def _lingered(self, batch: _Batch) -> None:
        handler = batch.handler
        if self._batches.get(handler) is not batch:
            return  # it was full
        if self._busy():
            self._later(max(handler.linger_s, _LINGER_AGAIN_S), self._lingered, batch)
        else:
            self._send(handler, batch)

    def _send(self, handler: Handler, batch: _Batch) -> None:
        del self._batches[handler]
        first, *first.batch_rest = batch.entries
        batch.entries = []  # its timer holds it for a while
        self._put(first)

    def following(self, entry: InFlight) -> InFlight | None:
        """Return the next entry of the same key, if there is one."""
        chain = self._chains.get(entry.key) if entry.key is not None else None
        return chain[0] if chain else None

    def skip(self, entry: InFlight) -> InFlight:
        """Take the next entry of the same key out of the order, and return it."""
        return self._chains[entry.key].popleft()

    def done(self, entry: InFlight) -> None:
        """Give the next entry of the same key its turn, since this one is settled."""
        if entry.key is None:
            return
        chain = self._chains.get(entry.key)
        if chain:
            self._begin(chain.popleft())
        elif chain is not None:
            del self._chains[entry.key]
