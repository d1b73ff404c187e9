"""The ledger: identities in hand, handled and given up, so that no event is handled twice."""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import Generic, TypeVar

from ..transport import Delivery
from .recent import Recent

__all__ = ["Ledger"]

W = TypeVar("W")

_REDELIVERIES = 1_440_000
"""Messages of three ack waits of 40 s, at 12,000 a second."""
_GIVEN_UP = 100_000
_AT_ONCE = 512
_HASH_BITS = 64


def _long_hash(text: str) -> int:
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


_hash = hash if sys.hash_info.width >= _HASH_BITS else _long_hash
"""Salted by Python, so that no sender can aim at the hash of another identity."""


class Ledger(Generic[W]):
    """The messages that a reader has in hand (taken, without a verdict yet), and those with a verdict.

    Messages are known by `Message.identity`.

    A broker may deliver an acknowledged message again (JetStream does, after its server is killed), and
    a publisher may send an event again that the broker has forgotten. In both cases the identity is the
    same. The last ``memory`` handled identities are known, and never fewer than 1,440,000. A new event
    is mistaken for a known one with a chance of about 1 in 10^13.
    """

    def __init__(self, memory: int) -> None:
        self.in_hand: dict[str, W] = {}
        self._identities = Recent(max(memory, _REDELIVERIES))
        self._is_known = self._identities.has
        self._handled: dict[str, None] = {}
        """The newest handled identities; they are added to the others in one go."""
        self._given_up: dict[int, None] = {}
        """Positions of messages, not identities: an identity may come again and be handled."""
        self._latest: Delivery | None = None
        """The newest message that was delivered for the first time and was not known."""

    def judged(self, identity: str, delivery: Delivery, attempt: int) -> bool | None:
        """Return None if a verdict is needed; else True for a redelivery, False for another message.

        A rejection counts for the message, not for its identity. If the event is repaired and published
        again, the new message gets a verdict of its own.
        """
        if identity in self._handled or self._is_known(_hash(identity)):
            latest = self._latest
            return attempt > 1 or latest is None or delivery.position <= latest.position
        if self._given_up and delivery.position in self._given_up:
            return True
        if attempt == 1:  # a late redelivery is stored before others that are known
            self._latest = delivery
        return None

    def settle(self, identity: str) -> None:
        """Record that an identity is handled. It is not in hand any more."""
        self.in_hand.pop(identity, None)
        handled = self._handled
        handled[identity] = None
        if len(handled) >= _AT_ONCE:
            self._identities.add(map(_hash, handled))
            handled.clear()

    def reject(self, identity: str, delivery: Delivery) -> None:
        """Record that a message is given up. Its identity is not in hand any more."""
        self.in_hand.pop(identity, None)
        self._given_up[delivery.position] = None
        if len(self._given_up) > _GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]

    def release(self, identity: str) -> None:
        """Record that an identity is not in hand any more, without a verdict."""
        self.in_hand.pop(identity, None)
