"""Order by key, and batches: events of a key one after the other, those of a batch together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

from .handlers import Handler, error_when_raised
from .settlement import InFlight

__all__ = ["Order"]


class Order:
    """Holds entries back until it is their turn.

    Args:
        begin: has the next one of its key handled, about which nothing was asked before.
        put: has an entry, or the first of a batch with its ``rest``, handled.
        later: calls a function with an argument after so many seconds.
    """

    def __init__(
        self,
        begin: Callable[[InFlight], None],
        put: Callable[[InFlight], None],
        later: Callable[[float, Callable[[Handler], None], Handler], None],
    ) -> None:
        self._begin = begin
        self._put = put
        self._later = later
        self._chains: dict[Hashable, deque[InFlight]] = {}
        self._batches: dict[Handler, list[InFlight]] = {}

    def arrange(self, entry: InFlight) -> None:
        """Have it handled when it is its turn."""
        handler = entry.handler
        if handler.key:
            self._arrange_by_key(entry, handler.key)
        elif handler.batch:
            batch = self._batches.setdefault(handler, [])
            batch.append(entry)
            if len(batch) >= handler.batch:
                self._send_batch(handler)
            elif len(batch) == 1:
                self._later(handler.linger_s, self._send_batch, handler)
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

    def _send_batch(self, handler: Handler) -> None:
        if batch := self._batches.pop(handler, None):
            first, *first.batch_rest = batch
            self._put(first)

    def following(self, entry: InFlight) -> InFlight | None:
        """The next one of its key, if there is one."""
        chain = self._chains.get(entry.key) if entry.key is not None else None
        return chain[0] if chain else None

    def skip(self, entry: InFlight) -> InFlight:
        """Take the next one of its key out of the order."""
        return self._chains[entry.key].popleft()

    def done(self, entry: InFlight) -> None:
        """It is settled: the next one of its key has its turn."""
        if entry.key is None:
            return
        chain = self._chains.get(entry.key)
        if chain:
            self._begin(chain.popleft())
        elif chain is not None:
            del self._chains[entry.key]
