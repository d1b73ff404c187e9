"""Keys of private networks."""

from __future__ import annotations

import secrets
from pathlib import Path

__all__ = ["make_swarm_key"]


def make_swarm_key(path: Path) -> Path:
    """A new key in a file, in go-libp2p's form."""
    path.write_text(f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n")
    path.chmod(0o600)
    return path
