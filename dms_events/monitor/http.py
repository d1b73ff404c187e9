"""A small HTTP server that answers GET and HEAD; what clients send is bounded in bytes and time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple, Self

from ..aio import TaskSet
from ..errors import ConfigError

__all__ = ["HttpServer", "Reply"]

_log = logging.getLogger("dms_events")

_HEAD_BYTES: Final = 8192
_TIMEOUT_S: Final = 5.0
"""For one whole exchange."""
_MOST: Final = 32
"""Connections at a time; a further one is closed at once."""


class Reply(NamedTuple):
    """A status line such as ``200 OK``, and a text."""

    status: str
    text: str
    content_type: str = "text/plain; charset=utf-8"


Page = Callable[[], Awaitable[Reply]]


class HttpServer:
    """Serves pages by their paths, for as long as its context lasts.

    Args:
        pages: for each path, the function that makes the reply.
        host: the name or address to listen on.
        port: the port; 0 takes a free one.
    """

    def __init__(self, pages: Mapping[str, Page], host: str, port: int) -> None:
        self._pages = pages
        self._host = host
        self._wanted_port = port
        self._exchanges = TaskSet()

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            ConfigError: the address cannot be used.
        """
        try:
            self._server = await asyncio.start_server(
                self._accept, self._host, self._wanted_port, limit=_HEAD_BYTES
            )
        except (OSError, OverflowError) as error:
            raise ConfigError(
                "http", f"cannot listen on {self._host}:{self._wanted_port}: {error}"
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._exchanges.cancel()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._exchanges) >= _MOST:
            writer.transport.abort()
            return
        self._exchanges.start(self._exchange(reader, writer))

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                head_only, reply = await self._answer(reader)
                writer.write(_encoded(reply, head_only=head_only))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            _log.debug("a client of the monitor was left: %r", error)
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[bool, Reply]:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return False, Reply("431 Request Header Fields Too Large", "the request is too long\n")
        line = head.partition(b"\r\n")[0].decode("latin-1")
        method, _, rest = line.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if not rest.rpartition(" ")[2].startswith("HTTP/1."):
            return False, Reply("400 Bad Request", "this is no request of HTTP/1.1\n")
        if method not in ("GET", "HEAD"):
            return False, Reply("405 Method Not Allowed", "use GET\n")
        page = self._pages.get(path)
        if page is None:
            known = " ".join(self._pages)
            return method == "HEAD", Reply("404 Not Found", f"the pages are: {known}\n")
        return method == "HEAD", await page()


def _encoded(reply: Reply, *, head_only: bool) -> bytes:
    body = reply.text.encode()
    head = (
        f"HTTP/1.1 {reply.status}\r\nContent-Type: {reply.content_type}\r\n"
        f"Content-Length: {len(body)}\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else body)
