"""Attempts to connect to NATS: each server is tried in turn, and errors tell what the attempts met."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Coroutine
from typing import Any

import nats.errors

from dms_events.aio import set_within
from dms_events.errors import ConfigError, ConnectionLostError
from dms_events.quiet import Quiet

from .credentials import CredentialsError

__all__ = ["Attempts"]

_log = logging.getLogger("dms_events")
_SAY_AGAIN_S = 30.0
_MOST_NAMED = 3
_REFUSING = (
    *("authorization", "authentication", "tls required", "account", "expired", "revoked"),
    "maximum control line",  # a password that is longer than a line of the protocol
)
"""Words in an error of the server after which it is useless to try again with the same settings."""


class Attempts:
    """The attempts to connect: until there is a first connection, and after each loss.

    Args:
        servers: the number of servers that are tried in turn.
        attempt_s: how long one attempt may take.
        where: the servers, as people may see them.
        again: before the first connection, try failed servers again within the time of all attempts.
    """

    def __init__(self, servers: int, attempt_s: float, where: str, *, again: bool = True) -> None:
        self._servers = servers
        self._timeout_s = servers * attempt_s
        self._where = where
        self._last: Exception | None = None
        self._again = again
        self._failures = self._refusals = 0
        self._useless = asyncio.Event()
        self._opened = False
        self._quiet = Quiet(_SAY_AGAIN_S)
        self.lost_because: Exception | None = None
        """Why the connection ended; None while there is one."""
        self._met: dict[str, str] = {}
        """The error of the last attempt at each server since the loss."""
        self._over = asyncio.Event()

    def failed(self, server: str, error: Exception) -> None:
        """Take in the error of a failed attempt.

        Before the first connection the caller gets it. Later it is logged, at once and every 30 s, and
        the errors of calls that fail for want of a connection contain it, too (`away`).
        """
        if self._opened:
            self._met.pop(server, None)
            self._met[server] = _words(error)
            if self._quiet.over():
                _log.warning("no connection to %s yet: %s", self._where, self._attempted())
            return
        refused = _refusal(error, self._where) is not None
        if refused or self._last is None or not _refusal(self._last, self._where):
            self._last = error  # a refusal says more than the silence of another server
        # The servers are tried in turn, so as many attempts as there are servers have asked all of them.
        self._failures += 1
        self._refusals = self._refusals + 1 if refused else 0
        if self._servers <= (self._refusals if self._again else self._failures):
            self._useless.set()

    def lost(self, because: Exception) -> None:
        """Take in that the connection is lost."""
        self.lost_because = because
        self._met.clear()
        self._over.clear()
        self._quiet = Quiet(_SAY_AGAIN_S)

    def over(self) -> None:
        """Take in that there is a connection again, or will never be one."""
        self.lost_because = None
        self._over.set()

    async def until_over(self, timeout_s: float) -> None:
        """Wait while the connection is lost, for at most ``timeout_s``."""
        await set_within(self._over, timeout_s)

    @property
    def away(self) -> str:
        """The reason why there is no connection, in the words of the servers tried; empty with one."""
        if self.lost_because is None:
            return ""
        return f"no connection to {self._where}: {self._attempted()}"

    def _attempted(self) -> str:
        """The errors of the last attempts, the last one first; before those, why the connection ended."""
        met = list(self._met.items())[: -_MOST_NAMED - 1 : -1]
        return "; ".join(f"{server}: {words}" for server, words in met) or str(self.lost_because)

    async def first(self, connecting: Coroutine[Any, Any, None]) -> None:
        """Return when there is a connection.

        Raises:
            ConfigError: all servers refuse this client.
            ConnectionLostError: there is no connection in time; or, with ``again=False``, none after one
                attempt at each server.
        """
        attempts = asyncio.create_task(connecting)
        useless = asyncio.create_task(self._useless.wait())
        try:
            await asyncio.wait(
                {attempts, useless},
                timeout=self._timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            late = not attempts.done()
            for task in (attempts, useless):
                task.cancel()
            await asyncio.wait({attempts, useless})
        error = self._last if late or attempts.cancelled() else attempts.exception()
        if error is None and not late:
            self._opened = True
            self.over()
            return
        if error is not None:
            if not isinstance(error, (nats.errors.Error, OSError, ValueError)):
                raise error
            # Its traceback lies in the client, and would be the largest part of the printed error.
            error.__traceback__, error.__context__ = None, None
            if known := _refusal(error, self._where):
                raise known from error
        why = error or f"no answer within {self._timeout_s:g} s"
        raise ConnectionLostError(
            f"no NATS server answers at {self._where} ({why}). Start one "
            "(nats-server -js), or check the address"
        ) from error


def _refusal(error: Exception, where: str) -> ConfigError | None:
    """Return the ConfigError for an error about a setting; None if trying again may help."""
    match error:
        case CredentialsError():
            return ConfigError("credentials", str(error))
        case ssl.SSLCertVerificationError():
            return ConfigError(
                "tls",
                f"the certificate of {where} is not trusted ({error.verify_message}). Connect with "
                "tls=ssl.create_default_context(cafile=…) (--tls-ca) and the CA that signed it",
            )
        case ssl.SSLError():
            return ConfigError(
                "tls", f"{where} and this client do not agree on TLS ({error.reason})"
            )
        case nats.errors.Error() if any(word in str(error).lower() for word in _REFUSING):
            return ConfigError(
                "credentials",
                f"{where} refuses this client: {_words(error)!r}. Check user and password in the "
                "URL, or the credentials file",
            )
    return None


def _words(error: Exception) -> str:
    """Return the server's words in an error, without nats-py's prefix and quotes."""
    return str(error).removeprefix("nats: ").strip("'") or type(error).__name__
