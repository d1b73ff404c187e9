"""The ledger: identities in hand or handled, and messages settled, so that no event is handled twice."""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import Final, Generic, TypeVar

from .recent import Recent

__all__ = ["Ledger"]

W = TypeVar("W")

_POSITIONS = 1_440_000
"""Two ack waits of 60 s at 12,000 messages a second."""
_AT_ONCE = 512
_PRIME: Final = 0x6A09E667F3BCC9BB
"""Positions of one sequence have different remainders; others have equal ones once in 2^62."""
_HASH_BITS = 64


def _long_hash(text: str) -> int:
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


_hash = hash if sys.hash_info.width >= _HASH_BITS else _long_hash
"""Salted by Python, so that no sender can aim at the hash of another identity."""


class Ledger(Generic[W]):
    """What a reader has in hand, and what had its verdict, by `Message.identity` and `Delivery.position`.

    A broker may deliver a message again that was acknowledged (JetStream does, after its server is
    killed). Such a redelivery is known by its position, for the last 1,440,000 messages at least. A
    publisher may send an event again that is older than the broker's own memory. Such an event is known
    by its identity, for the last ``memory`` identities at least. A new message is taken for a known one
    with a chance of about 1 in 10^13.
    """

    def __init__(self, memory: int) -> None:
        self.in_hand: dict[str, W] = {}
        self._identities = Recent(memory)
        self._positions = Recent(_POSITIONS)
        self._handled: dict[str, int] = {}
        """The newest identities and the positions of their messages, which are stored in one go."""
        self._highest = 0
        """The highest position so far; a message beyond it is new, and is not looked up."""

    def judged(self, identity: str, position: int) -> bool | None:
        """Whether it was this very message that had the verdict; None where one is needed.

        A rejection is of the message, not of the identity: mended and published again, the same
        identity is judged again.
        """
        if position > self._highest:
            self._highest = position
        else:
            self._store()
            if self._positions.has(position % _PRIME):
                return True
        if identity in self._handled or self._identities.has(_hash(identity)):
            return False
        return None

    def settle(self, identity: str, position: int) -> None:
        """It is handled, and is not in hand any more."""
        self.in_hand.pop(identity, None)
        self._handled[identity] = position
        if len(self._handled) >= _AT_ONCE:
            self._store()

    def reject(self, identity: str, position: int) -> None:
        """It is given up, and is not in hand any more."""
        self.in_hand.pop(identity, None)
        self.remember(position)

    def remember(self, position: int) -> None:
        """A message is settled, whatever its identity."""
        self._highest = max(self._highest, position)
        self._positions.add([position % _PRIME])

    def release(self, identity: str) -> None:
        """It is given back without a verdict."""
        self.in_hand.pop(identity, None)

    def _store(self) -> None:
        self._positions.add([position % _PRIME for position in self._handled.values()])
        self._identities.add(map(_hash, self._handled))
        self._handled.clear()
