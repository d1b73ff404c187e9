"""A server that answers as Elasticsearch does, as told: for answers that a real one gives rarely."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from math import inf

from dms_events.sink import Document
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.setup.templates import TEMPLATE_VERSION, index_templates
from tests.kit.servers.listening import listening

__all__ = ["PAGE", "Answer", "documents", "failure", "server", "sink_at", "stored"]

PAGE = b"<html>Welcome</html>"
Answer = tuple[int, object]
"""A status, and a body: bytes, or a value to write as JSON. An iterator gives the whole answer, head
included, piece by piece; then the connection is closed."""
Bulk = Callable[[list[str]], Answer | Awaitable[Answer]]

INSTALLED = [
    {"name": name, "index_template": {"_meta": {"dms_events": TEMPLATE_VERSION}}}
    for name in index_templates()
]


def documents(count: int) -> list[Document]:
    return [
        Document(
            id=str(n),
            type_name="elk_stats.ServiceCall",
            time=datetime(2026, 11, 5, tzinfo=UTC),
            index="dms-elk_stats.service_call-2026.11",
            body=b"{}",
        )
        for n in range(count)
    ]


def stored(ids: list[str]) -> Answer:
    return 200, {"items": [{"create": {"_id": id, "status": 201}} for id in ids]}


def failure(status: int, type: str) -> Answer:
    return status, {"error": {"type": type, "reason": "because"}, "status": status}


@asynccontextmanager
async def server(
    bulk: Bulk = stored,
    info: Answer | Callable[[], Answer] = (200, {"version": {"number": "9.4.3"}}),
    *,
    most_bytes: float = inf,
    resets: list[int] | None = None,
) -> AsyncIterator[str]:
    """A server that is Elasticsearch enough; ``bulk`` is given the ids of each request.

    It resets the connection of a request with more than ``most_bytes``, and notes the size in ``resets``.
    """

    async def reply(request: bytes, body: bytes) -> Answer:
        if b"_bulk" in request:
            ids = [json.loads(line)["create"]["_id"] for line in body.splitlines()[::2]]
            answer = bulk(ids)
            return await answer if isinstance(answer, Awaitable) else answer
        if b"_index_template" in request:
            return 200, {"index_templates": INSTALLED}
        return info() if callable(info) else info

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                _, _, length = head.lower().partition(b"content-length:")
                size = int(length.split()[0]) if length else 0
                if size > most_bytes:
                    (resets if resets is not None else []).append(size)
                    writer.transport.abort()
                    return
                body = await reader.readexactly(size)
                status, said = await reply(head.split(b"\r\n")[0], body)
                if isinstance(said, Iterator):
                    for piece in said:
                        writer.write(piece)
                        await writer.drain()
                    writer.close()
                    return
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                product = "" if said == PAGE else "X-Elastic-Product: Elasticsearch\r\n"
                kind = "text/html" if said == PAGE else "application/json"
                writer.write(
                    f"HTTP/1.1 {status} x\r\n{product}Content-Type: {kind}\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n".encode()
                    + data
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def sink_at(
    url: str, *, timeout_s: float = 30, max_bulk_bytes: int = 5_000_000
) -> AsyncIterator[ElasticsearchSink]:
    """An open sink."""
    sink = ElasticsearchSink(url, timeout_s=timeout_s, max_bulk_bytes=max_bulk_bytes)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()
