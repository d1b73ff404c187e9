"""A TCP server of a test, which leaves no connection open on any Python."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

__all__ = ["Serve", "listening", "reserved_port"]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def reserved_port() -> Iterator[int]:
    """A loopback port that only `listening` gets; without that it refuses connections."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@asynccontextmanager
async def listening(
    serve: Serve, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The loopback port of a server that calls ``serve`` for each connection, and then closes it.

    It is a free one where ``port`` is 0; another value is a `reserved_port`.

    The end breaks the connections that are still open. `asyncio.Server.wait_closed` waits for them since
    Python 3.12, for ever where the server waits for its client or does not mean to answer; before, it
    left them to the end of the loop. An error of ``serve`` is raised at the end.
    """
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not server.is_serving():  # a handshake of TLS that ends after the server
            writer.transport.abort()
            return
        connections[asyncio.create_task(connection(reader, writer))] = writer

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=tls, reuse_port=bool(port))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task, writer in connections.items():
            task.cancel()
            writer.transport.abort()
        if connections:
            await asyncio.wait(connections)
        await server.wait_closed()
    for task in connections:
        if not task.cancelled():
            task.result()
