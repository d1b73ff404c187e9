"""A front of a test's Elasticsearch 8, which lacks the module that answers ``GET /``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from .elasticsearch import call
from .listening import listening

__all__ = ["fronted"]

_HEADERS = "X-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def fronted(server_url: str) -> AsyncIterator[str]:
    """The URL of a proxy that answers ``GET /`` as every release does, and passes on all else."""
    nodes = call(f"{server_url}/_nodes?filter_path=nodes.*.version,nodes.*.build_flavor")["nodes"]
    [node] = nodes.values()
    about = {"version": {"number": node["version"], "build_flavor": node["build_flavor"]}}
    body = json.dumps(about).encode()
    root = f"HTTP/1.1 200 OK\r\n{_HEADERS}Content-Length: {len(body)}\r\n\r\n".encode() + body
    there = urlsplit(server_url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        answers = asyncio.create_task(_copy(far_reader, writer))
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    if head.startswith(b"GET / "):
                        writer.write(root)
                        continue
                    _, _, length = head.lower().partition(b"content-length:")
                    asked = await reader.readexactly(int(length.split()[0]) if length else 0)
                    far_writer.write(head + asked)
        finally:
            answers.cancel()
            far_writer.transport.abort()

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
