"""A NATS server in operator mode: accounts and users are JWTs that are signed here."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

from nacl.signing import SigningKey

__all__ = ["Authority"]

_STORED = ("mem_storage", "disk_storage", "streams", "consumer")
_LIMITS = ("subs", "data", "payload", "imports", "exports", "conn", "leaf", *_STORED)


class _Key:
    """A key as NATS writes keys: one letter for its kind, and base32 with a checksum."""

    def __init__(self, kind: int) -> None:
        self._signing = SigningKey.generate()
        self.public = _text(bytes([kind]) + bytes(self._signing.verify_key))
        self.seed = _text(bytes([144 | kind >> 5, (kind & 31) << 3]) + bytes(self._signing))

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT."""
        whole = {**claims, "iss": self.public, "iat": int(time.time())}
        digest = hashlib.sha256(json.dumps(whole).encode()).digest()
        whole["jti"] = base64.b32encode(digest).decode().rstrip("=")
        header = b'{"typ":"JWT","alg":"ed25519-nkey"}'
        body = f"{_url64(header)}.{_url64(json.dumps(whole).encode())}"
        return f"{body}.{_url64(self._signing.sign(body.encode()).signature)}"


class Authority:
    """An operator with one account and one user of it."""

    def __init__(self) -> None:
        self._operator, self._account, self._system = _Key(112), _Key(0), _Key(0)
        self._user = _Key(160)

    @property
    def config(self) -> str:
        """What the server must know."""
        about = {"type": "operator", "version": 2, "system_account": self._system.public}
        operator = self._operator.sign({"sub": self._operator.public, "name": "o", "nats": about})
        accounts = ", ".join(
            f"{key.public}: {self._account_jwt(key)}" for key in (self._account, self._system)
        )
        return (
            f"operator: {operator}\nsystem_account: {self._system.public}\nresolver: MEMORY\n"
            f"resolver_preload: {{ {accounts} }}"
        )

    def credentials(self, lives_s: int = 3600) -> str:
        """The text of a file for the user."""
        allowed = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
        jwt = self._account.sign(
            {
                "sub": self._user.public,
                "name": "u",
                "exp": int(time.time()) + lives_s,
                "nats": {**allowed, "pub": {}, "sub": {}},
            }
        )
        return (
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{self._user.seed}\n------END USER NKEY SEED------\n"
        )

    def _account_jwt(self, key: _Key) -> str:
        limits: dict[str, Any] = {**dict.fromkeys(_LIMITS, -1), "wildcards": True}
        if key is self._system:
            limits |= dict.fromkeys(_STORED, 0)
        about = {"type": "account", "version": 2, "limits": limits}
        return self._operator.sign({"sub": key.public, "name": "a", "nats": about})


def _checksum(data: bytes) -> bytes:
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021) & 0xFFFF if crc & 0x8000 else (crc << 1) & 0xFFFF
    return crc.to_bytes(2, "little")


def _text(raw: bytes) -> str:
    return base64.b32encode(raw + _checksum(raw)).decode().rstrip("=")


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
