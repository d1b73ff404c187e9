"""What the sink makes of answers to a whole request, from a server that answers as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from dms_events.errors import SinkError
from dms_events.sink import Document, Pace, SinkUnavailableError, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.judge import Obstacle
from dms_events_elasticsearch.setup.templates import TEMPLATE_VERSION, index_templates
from tests.kit.servers.listening import listening

STORED, REJECTED = Verdict.STORED, Verdict.REJECTED
PAGE = b"<html>Welcome</html>"
Answer = tuple[int, object]
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
async def server(bulk: Bulk = stored, info: Answer | None = None) -> AsyncIterator[str]:
    """A server that is Elasticsearch enough; ``bulk`` is given the ids of each request."""

    async def reply(request: bytes, body: bytes) -> Answer:
        if b"_bulk" in request:
            ids = [json.loads(line)["create"]["_id"] for line in body.splitlines()[::2]]
            answer = bulk(ids)
            return await answer if isinstance(answer, Awaitable) else answer
        if b"_index_template" in request:
            return 200, {"index_templates": INSTALLED}
        return info or (200, {"version": {"number": "9.4.3"}})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                _, _, length = head.lower().partition(b"content-length:")
                body = await reader.readexactly(int(length.split()[0]) if length else 0)
                status, said = await reply(head.split(b"\r\n")[0], body)
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
    sink = ElasticsearchSink(url, timeout_s=timeout_s, max_bulk_bytes=max_bulk_bytes)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


@pytest.mark.parametrize(
    ("status", "type"),
    [
        (401, "security_exception"),
        (403, "cluster_block_exception"),
        (408, "timeout"),
        (429, "es_rejected_execution_exception"),
        (500, "null_pointer_exception"),
        (503, "cluster_block_exception"),
    ],
)
async def test_a_request_that_fails_for_now_is_for_later(status: int, type: str) -> None:
    async with server(lambda ids: failure(status, type)) as url, sink_at(url) as sink:
        with pytest.raises(SinkUnavailableError) as raised:
            await sink.write(documents(3))
    assert str(raised.value) == f"writing: {status} {type}: because"
    assert raised.value.verdicts == ()


async def test_a_server_that_does_not_answer_in_time_is_for_later() -> None:
    async def never(ids: list[str]) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    async with server(never) as url, sink_at(url, timeout_s=0.5) as sink:
        with pytest.raises(SinkUnavailableError):
            await sink.write(documents(2))


async def test_a_connection_that_breaks_before_the_answer_is_for_later() -> None:
    def broken(ids: list[str]) -> Answer:
        raise ConnectionError

    async with server(broken) as url, sink_at(url) as sink:
        with pytest.raises(SinkUnavailableError, match=f"writing: {url}: it closed"):
            await sink.write(documents(2))


async def test_what_was_stored_before_an_obstacle_stays_judged_and_nothing_follows_it() -> None:
    requests = 0

    def bulk(ids: list[str]) -> Answer:
        nonlocal requests
        requests += 1
        return stored(ids) if requests == 1 else failure(429, "es_rejected_execution_exception")

    async with server(bulk) as url, sink_at(url, max_bulk_bytes=200) as sink:
        with pytest.raises(SinkUnavailableError) as raised:
            await sink.write(documents(10))
    assert requests == 2
    assert [judged.verdict for judged in raised.value.verdicts] == [STORED] * 2


@pytest.mark.parametrize(
    ("status", "type", "pauses"),
    [
        (429, "es_rejected_execution_exception", True),
        (403, "security_exception", True),
        (503, "unavailable_shards_exception", True),
        (403, "cluster_block_exception", False),
        (429, "cluster_block_exception", False),
        (404, "index_not_found_exception", False),
    ],
)
async def test_an_overloaded_server_has_a_pause_and_a_blocked_index_has_none(
    status: int, type: str, pauses: bool
) -> None:
    full = True

    def bulk(ids: list[str]) -> Answer:
        error = {"status": status, "error": {"type": type, "reason": "because"}}
        return 200, {
            "items": [
                {"create": {"_id": id, **(error if full and id == "1" else {"status": 201})}}
                for id in ids
            ]
        }

    most = Pace(batch=10, batch_bytes=1000, writes=2)
    async with server(bulk) as url, sink_at(url) as sink:
        assert sink.pace(most) == most
        judgements = await sink.write(documents(2))
        assert [j.verdict for j in judgements] == [STORED, Verdict.RETRY]
        assert (sink.pace(most).pause_s > 0) is pauses
        async with asyncio.timeout(10):
            while sink.pace(most).pause_s:  # noqa: ASYNC110 - it ends by time alone
                await asyncio.sleep(sink.pace(most).pause_s)
        full = False
        await sink.write(documents(2))
        assert sink.pace(most) == most


@pytest.mark.parametrize(
    ("status", "type"), [(413, "too_large"), (400, "action_request_validation_exception")]
)
@pytest.mark.parametrize("bad", [set(), {"0"}, {"6"}, {"2", "3"}, {str(n) for n in range(7)}])
async def test_a_refused_request_is_halved_until_the_bad_documents_are_alone(
    bad: set[str], status: int, type: str
) -> None:
    def bulk(ids: list[str]) -> Answer:
        return failure(status, type) if bad & set(ids) else stored(ids)

    async with server(bulk) as url, sink_at(url) as sink:
        judgements = await sink.write(documents(7))
    assert {str(n) for n, j in enumerate(judgements) if j.verdict is REJECTED} == bad
    assert {j.verdict for n, j in enumerate(judgements) if str(n) not in bad} <= {STORED}


@pytest.mark.parametrize(
    "answer",
    [
        (200, PAGE),
        (200, b"not json"),
        (200, {"items": []}),
        (200, None),
        failure(404, "resource_not_found_exception"),
        failure(400, "illegal_argument_exception"),
        (301, {}),
    ],
)
async def test_an_answer_that_says_nothing_of_the_documents_rejects_none(answer: Answer) -> None:
    async with server(lambda ids: answer) as url, sink_at(url) as sink:
        with pytest.raises(SinkError) as caught:
            await sink.write(documents(2))
    assert not isinstance(caught.value, Obstacle)


@pytest.mark.parametrize("info", [(200, PAGE), (200, {}), (200, {"version": {"number": "x"}})])
async def test_a_place_that_cannot_be_used_is_a_sink_error(info: Answer) -> None:
    async with server(info=info) as url:
        with pytest.raises(SinkError, match="connecting"):
            await ElasticsearchSink(url).open()


async def test_where_nothing_answers_opening_is_a_sink_error() -> None:
    async with server() as url:
        pass
    with pytest.raises(SinkError, match="connecting") as caught:
        await ElasticsearchSink(url).open()
    assert caught.value.__cause__ is not None
