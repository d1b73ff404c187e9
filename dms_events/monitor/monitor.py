"""The pages of the monitor."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol, Self

from ..errors import TransportError
from ..worker import Stats
from .exposition import CONTENT_TYPE, exposed
from .http import HttpServer, Reply
from .metrics import metrics_of

__all__ = ["Monitor", "Watched"]

_ASK_EVERY_S: Final = 5.0
_ASK_WITHIN_S: Final = 2.0


class Watched(Protocol):
    """The members of a `Worker` or a `Forwarder` that a monitor reads."""

    @property
    def stats(self) -> Stats:
        """The figures of the run."""

    @property
    def not_ready(self) -> str:
        """The reason why no messages are taken; empty if they are."""


class Monitor:
    """Shows the state of a worker or a forwarder over HTTP, for as long as its context lasts.

    * ``/healthz``: 200 while the event loop runs. A process that does not answer hangs.
    * ``/readyz``: 200 if messages are taken and the broker answers, else 503 with the reason.
    * ``/metrics``: the figures for Prometheus (docs/monitoring.md).

    It has no password and tells no payload. It listens on the loopback address unless told otherwise.

        async with Monitor(forwarder, port=9464):
            await forwarder.run()

    Args:
        watched: the worker or forwarder.
        host: the name or address to listen on.
        port: the port; 0 takes a free one, see `port`.

    Raises:
        ConfigError: by ``async with``: the address cannot be used.
    """

    def __init__(self, watched: Watched, *, host: str = "127.0.0.1", port: int) -> None:
        self._watched = watched
        self._backlog: int | None = None
        self._asked_until = 0.0
        self._unknown = ""
        """The reason why the broker did not tell the backlog."""
        pages = {"/metrics": self._metrics, "/healthz": self._healthz, "/readyz": self._readyz}
        self._server = HttpServer(pages, host, port)

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.__aexit__()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    async def _healthz(self) -> Reply:
        return Reply("200 OK", "ok\n")

    async def _readyz(self) -> Reply:
        reason = await self._not_ready()
        return (
            Reply("503 Service Unavailable", f"{reason}\n") if reason else Reply("200 OK", "ok\n")
        )

    async def _metrics(self) -> Reply:
        ready = not await self._not_ready()
        families = metrics_of(self._watched.stats, ready=ready, backlog=self._backlog)
        return Reply("200 OK", exposed(families), CONTENT_TYPE)

    async def _not_ready(self) -> str:
        if time.monotonic() >= self._asked_until:
            self._asked_until = time.monotonic() + _ASK_EVERY_S
            await self._ask()
        return self._watched.not_ready or self._unknown

    async def _ask(self) -> None:
        """Ask the broker for the backlog, which also shows that it answers.

        Until it has answered, the last answer counts for the requests that come meanwhile.
        """
        backlog, unknown = None, ""
        reading = self._watched.stats.reading
        if reading is not None and not self._watched.not_ready:
            try:
                async with asyncio.timeout(_ASK_WITHIN_S):
                    backlog = await reading.backlog()
            except TimeoutError:
                unknown = "the broker does not answer"
            except TransportError as error:
                unknown = f"the broker does not answer: {error}"
        self._backlog, self._unknown = backlog, unknown
