"""Attempts to connect to NATS: each server is tried in turn, and a refusal is told at once."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Coroutine
from typing import Any

import nats.errors

from dms_events.errors import ConfigError, ConnectionLostError

from .credentials import CredentialsError

__all__ = ["Attempts"]

_log = logging.getLogger("dms_events")
_SAY_AGAIN_S = 30.0
_REFUSING = (
    *("authorization", "authentication", "tls required", "account", "expired", "revoked"),
    "maximum control line",  # a password that is longer than a line of the protocol
)
"""Words in an error of the server after which it is useless to try again with the same settings."""


class Attempts:
    """The attempts to connect: until there is a first connection, and after each loss.

    Args:
        servers: how many are tried in turn.
        attempt_s: how long one attempt may take.
        where: the servers, as people may see them.
    """

    def __init__(self, servers: int, attempt_s: float, where: str) -> None:
        self._servers = servers
        self._timeout_s = servers * attempt_s
        self._where = where
        self._last: Exception | None = None
        self._refusals = 0
        self._refused = asyncio.Event()
        self._opened = False
        self._quiet_until = 0.0

    def failed(self, error: Exception) -> None:
        """Take in why an attempt failed.

        Before the first connection the caller is told. Later it is logged, at once and every 30 s.
        """
        if self._opened:
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + _SAY_AGAIN_S
                _log.warning("no connection to %s yet: %s", self._where, error)
            return
        refused = _refusal(error, self._where) is not None
        if refused or self._last is None or not _refusal(self._last, self._where):
            self._last = error  # a refusal says more than the silence of another server
        # The servers are tried in turn, so as many attempts as there are servers have asked all of them.
        self._refusals = self._refusals + 1 if refused else 0
        if self._refusals >= self._servers:
            self._refused.set()

    def lost(self) -> None:
        """A connection that was there is lost."""
        self._quiet_until = 0.0

    async def first(self, connecting: Coroutine[Any, Any, None]) -> None:
        """Return when there is a connection.

        Raises:
            ConfigError: all servers refuse this client.
            ConnectionLostError: there is no connection in time.
        """
        attempts = asyncio.create_task(connecting)
        refused = asyncio.create_task(self._refused.wait())
        try:
            await asyncio.wait(
                {attempts, refused},
                timeout=self._timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            late = not attempts.done()
            for task in (attempts, refused):
                task.cancel()
            await asyncio.wait({attempts, refused})
        error = self._last if late or attempts.cancelled() else attempts.exception()
        if error is None and not late:
            self._opened = True
            return
        if error is not None:
            if not isinstance(error, (nats.errors.Error, OSError, ValueError)):
                raise error
            # Where it comes from is in the client, and would be most of what is printed.
            error.__traceback__, error.__context__ = None, None
            if known := _refusal(error, self._where):
                raise known from error
        why = error or f"no answer within {self._timeout_s:g} s"
        raise ConnectionLostError(
            f"no NATS server answers at {self._where} ({why}). Start one "
            "(nats-server -js), or check the address"
        ) from error


def _refusal(error: Exception, where: str) -> ConfigError | None:
    """What an error says about a setting; None where trying again may help."""
    match error:
        case CredentialsError():
            return ConfigError("credentials", str(error))
        case ssl.SSLCertVerificationError():
            return ConfigError(
                "tls",
                f"the certificate of {where} is not trusted ({error.verify_message}). Connect with "
                "tls=ssl.create_default_context(cafile=…) and the CA that signed it",
            )
        case ssl.SSLError():
            return ConfigError(
                "tls", f"{where} and this client do not agree on TLS ({error.reason})"
            )
        case nats.errors.Error() if any(word in str(error).lower() for word in _REFUSING):
            said = str(error).removeprefix("nats: ").strip("'")
            return ConfigError(
                "credentials",
                f"{where} refuses this client: {said!r}. Check user and password in the URL, or the "
                "credentials file",
            )
    return None
