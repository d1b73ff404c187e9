"""The ledger of identities: in hand, and handled already, so that an event is not handled twice."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, Protocol, TypeVar

__all__ = ["Ledger"]

W = TypeVar("W")


class Placed(Protocol):
    """What a ledger asks of a delivery; see `transport.Delivery`."""

    @property
    def dedupe_key(self) -> str | int: ...

    def same_message(self, dedupe_key: str | int) -> bool: ...


class _Rejected(NamedTuple):
    dedupe_key: str | int


class Ledger(Generic[W]):
    """The identities that a reader has in hand, and those which had their verdict.

    Of the latter it remembers the last ``memory``: a broker may deliver again what was acknowledged
    (JetStream does, after its server is killed), and a publisher may send again what is older than the
    broker's own memory.
    """

    def __init__(self, memory: int) -> None:
        self.in_hand: dict[str, W] = {}
        self._memory = memory
        self.handled: OrderedDict[str, str | int | _Rejected] = OrderedDict()
        """For each identity, the dedupe key of the delivery that brought the verdict."""

    def judged(self, id: str, delivery: Placed) -> bool | None:
        """Whether it was this very message that brought the verdict; None where one is needed.

        A rejection is of the message, not of the identity: mended and published again, the same
        identity is judged again.
        """
        dedupe_key = self.handled.get(id)
        if dedupe_key is None:
            return None
        if isinstance(dedupe_key, _Rejected):
            return delivery.same_message(dedupe_key.dedupe_key) or None
        return delivery.same_message(dedupe_key)

    def settle(self, id: str, delivery: Placed, *, rejected: bool = False) -> None:
        """It has its verdict, and is not in hand any more."""
        self.in_hand.pop(id, None)
        handled = self.handled
        handled[id] = _Rejected(delivery.dedupe_key) if rejected else delivery.dedupe_key
        if len(handled) > self._memory:
            handled.popitem(last=False)

    def release(self, id: str) -> None:
        """It is given back without a verdict."""
        self.in_hand.pop(id, None)
