"""The key of a private network, in the form of go-libp2p's ``swarm.key``."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Final

from dms_events.errors import ConfigError

from .node_key import warn_if_loose

__all__ = ["SwarmKey", "read_swarm_key"]

_HEADER: Final = b"/key/swarm/psk/1.0.0/"
_KEY_BYTES: Final = 32
_LARGEST: Final = 1_024


class SwarmKey:
    """32 bytes that all nodes of a private network share. The repr does not show them."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return "SwarmKey(***)"


def read_swarm_key(path: Path) -> SwarmKey:
    """Return the key in a file: a line ``/key/swarm/psk/1.0.0/``, a line ``/base16/``, and 64 hex digits.

    ``/base64/`` and ``/bin/`` are accepted too.

    Raises:
        ConfigError: the file cannot be read, or holds no key. The error shows nothing of the key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST)
            mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError("swarm_key", f"{path}: {error.strerror}") from error
    warn_if_loose(path, mode)
    raw = _decoded(data)
    if raw is None:
        reason = (
            f"{path} does not hold a swarm key; write /key/swarm/psk/1.0.0/, /base16/ and 64 hex digits, "
            "each on a line of its own"
        )
        raise ConfigError("swarm_key", reason)
    return SwarmKey(raw)


def _decoded(data: bytes) -> bytes | None:
    header, _, rest = data.partition(b"\n")
    encoding, _, body = rest.partition(b"\n")
    if header.strip() != _HEADER:
        return None
    try:
        match encoding.strip():
            case b"/base16/":
                raw = binascii.unhexlify(body.strip())
            case b"/base64/":
                raw = base64.b64decode(body.strip(), validate=True)
            case b"/bin/":
                raw = body[:_KEY_BYTES]
            case _:
                return None
    except binascii.Error:
        return None
    return raw if len(raw) == _KEY_BYTES else None
