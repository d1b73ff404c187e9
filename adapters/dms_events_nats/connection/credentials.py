"""Read a NATS ``.creds`` file anew for each connection, since the file may have been renewed."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import nats.errors

from dms_events.errors import ExtraNotInstalledError

__all__ = ["Credentials", "CredentialsError"]

_MOST_BYTES = 1 << 20
_JWT = re.compile(rb"BEGIN NATS USER JWT-+\s+(\S+)\s+-+END NATS USER JWT")
_SEED = re.compile(rb"BEGIN USER NKEY SEED-+\s+(\S+)\s+-+END USER NKEY SEED")


class CredentialsError(nats.errors.Error):
    """The file cannot be used as it is now. It is one of nats-py's errors, so nats-py tries again."""


class Credentials:
    """A ``.creds`` file. Its content is not kept in memory.

    Raises:
        ExtraNotInstalledError: signing needs a package that is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import nkeys  # type: ignore[import-untyped]
        except ImportError as error:
            raise ExtraNotInstalledError("nats", "NATS with credentials") from error
        self._path = Path(path)
        self._key_of = nkeys.from_seed

    def check(self) -> None:
        """Read the file, and sign with its seed as a test.

        Raises:
            CredentialsError: the file cannot be used as it is now.
        """
        self.sign("")
        self.jwt()

    def jwt(self) -> bytes:
        """The user's JWT, as the server takes it.

        Raises:
            CredentialsError: as `check`.
        """
        return self._part(_JWT, "a user's JWT")

    def sign(self, nonce: str) -> bytes:
        """Sign the nonce that the server sends.

        Raises:
            CredentialsError: as `check`.
        """
        seed = bytearray(self._part(_SEED, "a user's seed"))
        try:
            key = self._key_of(seed)
            signed: bytes = base64.b64encode(key.sign(nonce.encode()))
            key.wipe()
        except Exception:  # noqa: BLE001
            # The package raises errors of several kinds, and the cause might show the seed.
            raise CredentialsError(f"{self._path}: its seed is not a NATS key") from None
        return signed

    def _part(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        try:
            with self._path.open("rb") as file:
                found = pattern.search(file.read(_MOST_BYTES))
        except OSError as error:
            raise CredentialsError(f"{self._path}: {error.strerror}") from error
        if found is None:
            raise CredentialsError(f"{self._path}: it does not hold {what}; make it with `nsc`")
        return found[1]
