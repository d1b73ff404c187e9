"""The login at a server: an API key, user and password, or a token; each may lie in a file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TypeAlias

from dms_events.errors import ConfigError

from ..faults import Obstacle

__all__ = ["Credentials", "Secret"]

Secret: TypeAlias = str | Path
"""A secret, or the file that holds it and nothing else."""

_MOST_BYTES = 1 << 16


class Credentials:
    """One way to log in, or none. A file is read anew when it was changed: a key can be replaced.

    Raises:
        ConfigError: there is more than one way.
    """

    def __init__(
        self,
        *,
        api_key: Secret | None = None,
        basic_auth: tuple[str, Secret] | None = None,
        bearer_auth: Secret | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        """``login`` is user and password of a URL."""
        ways: dict[str, tuple[str, Secret] | None] = {
            "url": login,
            "api_key": ("", api_key) if api_key is not None else None,
            "basic_auth": basic_auth,
            "bearer_auth": ("", bearer_auth) if bearer_auth is not None else None,
        }
        given = [name for name, way in ways.items() if way is not None]
        if len(given) > 1:
            raise ConfigError(
                given[-1],
                "give one of api_key, bearer_auth and basic_auth; a user in the URL is basic_auth",
            )
        self.way = given[0] if given else ""
        """The option that logs in; empty if there is none."""
        self._user, self._secret = (ways[self.way] if self.way else None) or ("", "")
        if self.way in {"api_key", "bearer_auth"} and not isinstance(self._secret, Path):
            _check_token(self.way, self._secret)
        self._read: tuple[tuple[int, ...], str] | None = None

    def header(self) -> dict[str, str]:
        """Return the header that logs in; empty without a login.

        Raises:
            Obstacle: a file cannot be read now, or holds no secret. No error shows the secret.
        """
        if not self.way:
            return {}
        secret = self._read_file(self._secret) if isinstance(self._secret, Path) else self._secret
        if self.way == "api_key":
            return {"authorization": f"ApiKey {secret}"}
        if self.way == "bearer_auth":
            return {"authorization": f"Bearer {secret}"}
        encoded = base64.b64encode(f"{self._user}:{secret}".encode()).decode()
        return {"authorization": f"Basic {encoded}"}

    def _read_file(self, path: Path) -> str:
        try:
            found = path.stat()
            version = found.st_mtime_ns, found.st_size, found.st_ino
            if self._read is None or self._read[0] != version:
                with path.open("rb") as file:
                    self._read = version, _secret_in(path, file.read(_MOST_BYTES + 1))
        except OSError as error:
            raise Obstacle(f"{self.way}: {path}: {error.strerror}") from error
        return self._read[1]


def _secret_in(path: Path, content: bytes) -> str:
    text = content.decode("utf-8", "surrogateescape").strip()
    if not text or not text.isprintable() or len(content) > _MOST_BYTES:
        raise Obstacle(f"{path} has to hold one line, the secret, and nothing else")
    return text


def _check_token(way: str, token: str) -> None:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(way, "is not as the server gave it: it is empty, or has a blank in it")
