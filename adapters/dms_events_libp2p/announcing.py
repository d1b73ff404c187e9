"""The addresses that a node tells others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from libp2p.utils.address_validation import expand_wildcard_address
from multiaddr import Multiaddr

__all__ = ["announced"]

_LOOK_AGAIN_S = 60.0


def announced(texts: Sequence[str]) -> Callable[[Sequence[Multiaddr]], list[Multiaddr]]:
    """From the addresses listened on to those that others are told: ``texts``, if there are any.

    Else those of all network interfaces, where a node listens on all. Stock tells 0.0.0.0 itself.
    """
    fixed = [Multiaddr(text) for text in texts]
    if fixed:
        return lambda listening: fixed
    expanded: list[Multiaddr] = []
    of: list[Multiaddr] = []
    looked_at = 0.0

    def expand(listening: Sequence[Multiaddr]) -> list[Multiaddr]:
        nonlocal expanded, of, looked_at
        if of != list(listening) or monotonic() > looked_at + _LOOK_AGAIN_S:
            of, looked_at = list(listening), monotonic()
            found = [each for address in listening for each in expand_wildcard_address(address)]
            expanded = list(dict.fromkeys(found))
        return expanded

    return expand
