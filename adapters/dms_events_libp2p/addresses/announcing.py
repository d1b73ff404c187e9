"""The addresses that a node tells others."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from libp2p.utils.address_validation import expand_wildcard_address
from multiaddr import Multiaddr

__all__ = ["Announced"]

_LOOK_AGAIN_S = 60.0


class Announced:
    """Makes the addresses that others are told of those that the node listens on.

    These are ``texts``, if there are any. Otherwise 0.0.0.0 and ``::`` become the addresses of all
    network interfaces; py-libp2p tells others 0.0.0.0 itself.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._fixed = [Multiaddr(text) for text in texts]
        self._listening: Sequence[Multiaddr] = ()
        self._expanded: list[Multiaddr] = []
        self._look_at = 0.0

    def __call__(self, listening: Sequence[Multiaddr]) -> list[Multiaddr]:
        """Return the addresses to tell. Reads the interfaces at most once a minute."""
        if self._fixed:
            return self._fixed
        if list(listening) != self._listening or monotonic() >= self._look_at:
            self._listening, self._look_at = list(listening), monotonic() + _LOOK_AGAIN_S
            found = [each for address in listening for each in expand_wildcard_address(address)]
            self._expanded = list(dict.fromkeys(found))
        return self._expanded
