"""The key of a node in Go's marshalled form: read from a file, and made py-libp2p's key pair."""

from __future__ import annotations

import base64
import logging
import os
import secrets
from pathlib import Path
from typing import Any, Final

import msgspec
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.serialization import deserialize_private_key
from libp2p.peer.id import ID

from dms_events.errors import ConfigError
from dms_events.types.network_config import KeyType, PrivateKey

__all__ = [
    "NodeIdentity",
    "key_pair",
    "load_key",
    "new_key",
    "peer_id",
    "read_identity",
    "read_key_file",
    "warn_if_loose",
]

_log = logging.getLogger("dms_events")
_ED25519: Final = b"\x08\x01\x12"
_TAG: Final = b"\x08"
_SEED_BYTES = 32
_OF_OTHERS = 0o077


def new_key() -> PrivateKey:
    """Return a new Ed25519 key."""
    pair = create_new_key_pair()
    # Go marshals the public half too, and no longer reads the form with the seed alone.
    raw = pair.private_key.to_bytes() + pair.public_key.to_bytes()
    return PrivateKey(_ED25519 + bytes([len(raw)]) + raw)


def key_pair(key: PrivateKey) -> Any:
    """Return the key in the form that py-libp2p takes.

    Raises:
        ConfigError: py-libp2p does not know this kind of key, or the key is damaged.
    """
    if key.type is KeyType.ECDSA:
        reason = "py-libp2p does not support ECDSA keys; use Ed25519, Secp256k1 or RSA"
        raise ConfigError("private_key", reason)
    marshalled = key.marshal()
    if key.type is KeyType.ED25519:
        marshalled = _ED25519 + bytes([_SEED_BYTES]) + key.raw[:_SEED_BYTES]
    try:
        private = deserialize_private_key(marshalled)
        pair = KeyPair(private, private.get_public_key())
    except Exception as error:  # noqa: BLE001
        # The error has no cause, because the cause may hold the key.
        reason = f"not a readable {key.type.name} key ({type(error).__name__})"
        raise ConfigError("private_key", reason) from None
    if key.type is KeyType.ED25519 and key.raw[_SEED_BYTES:] not in (
        b"",
        pair.public_key.to_bytes(),
        pair.public_key.to_bytes() * 2,
    ):
        raise ConfigError("private_key", "its public half belongs to another key")
    return pair


def peer_id(key: PrivateKey) -> str:
    """Return the peer id that belongs to a key."""
    return str(ID.from_pubkey(key_pair(key).public_key))


class NodeIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The public half of a node's key."""

    peer_id: str
    key_type: str
    public_key: str
    """Go's marshalled public key, in base64."""


def read_identity(path: Path, *, make: bool = False) -> NodeIdentity:
    """Return the public half of the key in a file.

    With ``make`` a missing file is made with a new key, readable by its owner only (mode 0600).

    Raises:
        ConfigError: the file cannot be read or made, or holds no key. The error shows nothing of the key.
    """
    if not make and not path.exists():
        reason = f"{path} does not exist; `dms-events libp2p key {path}` makes it"
        raise ConfigError("key_file", reason)
    key = read_key_file(path)
    public = key_pair(key).public_key
    return NodeIdentity(
        peer_id=str(ID.from_pubkey(public)),
        key_type=key.type.name.capitalize(),
        public_key=base64.b64encode(public.serialize()).decode(),
    )


def load_key(key: PrivateKey | str | None, key_file: Path | None) -> PrivateKey:
    """Return the key that the options name. If they name none, return a new key, which is not stored.

    Raises:
        ConfigError: both are given, or the key cannot be read.
    """
    if key is not None and key_file is not None:
        raise ConfigError("key_file", "give private_key or key_file, not both")
    if key_file is not None:
        return read_key_file(key_file)
    if key is None:
        return new_key()
    if isinstance(key, PrivateKey):
        return key
    try:
        return PrivateKey.from_base64(key)
    except ValueError as error:
        raise ConfigError("private_key", str(error)) from None


def read_key_file(path: Path) -> PrivateKey:
    """Return the key in a file, which holds Go's marshalled key in base64 or as bytes.

    A missing file is made with a new key, readable by its owner only (mode 0600).

    Raises:
        ConfigError: the file cannot be read or made, or holds no key. The error shows nothing of the key.
    """
    try:
        if not path.exists():
            _make(path)
        data = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError("key_file", f"{path}: {error.strerror}") from error
    warn_if_loose(path, mode)
    try:
        if data.startswith(_TAG):
            return PrivateKey(data)
        return PrivateKey.from_base64(data.decode().strip())
    except ValueError:
        raise ConfigError("key_file", f"{path} does not hold a marshalled libp2p key") from None


def warn_if_loose(path: Path, mode: int) -> None:
    """Log a warning if users other than the owner may read a key file of this mode."""
    if mode & _OF_OTHERS:
        _log.warning("other users may read the key in %s; run `chmod 600` on that file", path)


def _make(path: Path) -> None:
    """Make the file whole or not at all. If two processes begin at once, one of them makes it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w") as file:
            file.write(new_key().to_base64() + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass  # the other process made it
    finally:
        draft.unlink()
