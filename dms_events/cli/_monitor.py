"""The option ``--http``: the state of a command for Prometheus and for health checks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from ..errors import ConfigError
from ..monitor import Monitor, Watched
from ..worker import Stats

__all__ = ["Awaited", "HttpOption", "monitored"]

HttpOption = Annotated[
    str | None,
    typer.Option(
        "--http",
        envvar="DMS_EVENTS_HTTP",
        metavar="[HOST:]PORT",
        help="Serve /metrics, /healthz and /readyz on this port; without a host for this machine only.",
    ),
]


class Awaited:
    """Stands for a worker or forwarder until it is made, which takes a connection."""

    def __init__(self) -> None:
        self.made: Watched | None = None
        self._none = Stats()

    @property
    def stats(self) -> Stats:
        """The figures of the run; all are 0 before it."""
        return self.made.stats if self.made else self._none

    @property
    def not_ready(self) -> str:
        """The reason why no messages are taken; empty if they are."""
        return self.made.not_ready if self.made else "it is not connected yet"


@asynccontextmanager
async def monitored(watched: Watched, where: str | None) -> AsyncIterator[None]:
    """Serve the state on ``[HOST:]PORT`` while the context lasts; None serves nothing.

    Raises:
        ConfigError: ``where`` is no address, or cannot be used.
    """
    if where is None:
        yield
        return
    host, _, port = where.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise ConfigError("--http", f"{where!r} is not [HOST:]PORT, such as 9464 or 0.0.0.0:9464")
    async with Monitor(watched, host=host.strip("[]") or "127.0.0.1", port=int(port)):
        yield
