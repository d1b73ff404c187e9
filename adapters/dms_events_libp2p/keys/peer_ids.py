"""Peer ids as text: in base58, or as the CID that newer programs write (``bafz…``, ``k51…``)."""

from __future__ import annotations

from typing import Final

from libp2p.peer.id import ID

from dms_events.types.network_config import Multiaddr

__all__ = ["in_base58"]

_CID_OF_A_KEY: Final = b"\x01\x72"


def in_base58(text: str) -> str:
    """Return a peer id in base58, the form that this package uses everywhere.

    Raises:
        ValueError: the text is no peer id.
    """
    Multiaddr(f"/p2p/{text}")
    if text.startswith(("Qm", "1")):
        return text
    # py-libp2p reads the prefix of the CID as a part of the id.
    cid = ID.from_multibase(text).to_bytes()
    return str(ID(cid.removeprefix(_CID_OF_A_KEY)).to_base58())
