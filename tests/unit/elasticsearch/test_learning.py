"""What the sink learns of the requests that do not get through, from a server that answers as told."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from dms_events.sink import Document, Remark, SinkUnavailableError, SinkVerdict, Verdict
from tests.kit.servers.scripted_elasticsearch import (
    PAGE,
    Answer,
    documents,
    failure,
    server,
    sink_at,
    stored,
)

STORED = SinkVerdict(Verdict.STORED)
MOST_BYTES = 100_000


class Index:
    """Keeps each document once."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def bulk(self, ids: list[str]) -> Answer:
        conflict = {"type": "version_conflict_engine_exception", "reason": "already exists"}
        items = [
            {"_id": id, "status": 409, "error": conflict}
            if id in self.kept
            else {"_id": id, "status": 201}
            for id in ids
        ]
        self.kept += [id for id in ids if id not in self.kept]
        return 200, {"items": [{"create": item} for item in items]}


def large(count: int, body_bytes: int, prefix: str = "") -> list[Document]:
    body = b'{"a":"%b"}' % (b"x" * body_bytes)
    return [
        msgspec.structs.replace(document, id=prefix + document.id, body=body)
        for document in documents(count)
    ]


async def test_requests_over_the_limit_of_a_proxy_that_resets_them_are_made_smaller_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    index, resets = Index(), list[int]()
    async with (
        server(index.bulk, most_bytes=MOST_BYTES, resets=resets) as url,
        sink_at(url) as sink,
    ):
        assert await sink.write(large(400, 1000)) == [STORED] * 400
        assert 2 <= len(resets) < 8
        first = len(resets)
        for batch in range(5):
            assert await sink.write(large(400, 1000, f"{batch}/")) == [STORED] * 400
    assert len(resets) == first, "the limit is remembered"
    assert len(index.kept) == len(set(index.kept)) == 2400
    assert "do not get through (the connection breaks)" in caplog.text


async def test_requests_over_the_limit_of_the_server_are_made_smaller_once() -> None:
    index, sizes = Index(), list[int]()

    def bulk(ids: list[str]) -> Answer:
        sizes.append(len(ids))
        return failure(413, "content_too_large") if len(ids) > 30 else index.bulk(ids)

    async with server(bulk) as url, sink_at(url) as sink:
        assert await sink.write(large(400, 1000)) == [STORED] * 400
        refused = sum(size > 30 for size in sizes)
        assert 1 <= refused < 8
        assert await sink.write(large(400, 1000, "again/")) == [STORED] * 400
    assert sum(size > 30 for size in sizes) == refused
    assert len(index.kept) == 800


async def test_ids_that_are_longer_in_a_request_than_they_seem_hold_up_nothing() -> None:
    index, sizes = Index(), list[int]()

    def bulk(ids: list[str]) -> Answer:
        sizes.append(len(ids))
        return failure(413, "content_too_large") if len(ids) > 3 else index.bulk(ids)

    batch = large(50, 1, "\x01" * 200)  # six bytes each
    async with server(bulk) as url, sink_at(url, max_bulk_bytes=4000) as sink:
        assert await sink.write(batch) == [STORED] * 50
        assert await sink.write(batch) == [SinkVerdict(Verdict.DUPLICATE)] * 50
    assert len(sizes) < 150


async def test_a_connection_that_was_old_teaches_nothing() -> None:
    index, sizes = Index(), list[int]()

    def bulk(ids: list[str]) -> Answer:
        sizes.append(len(ids))
        if len(sizes) % 2:
            raise ConnectionError
        return index.bulk(ids)

    async with server(bulk) as url, sink_at(url) as sink:
        for batch in range(3):
            assert await sink.write(large(100, 100, f"{batch}/")) == [STORED] * 100
    assert sizes == [100] * 6


async def test_a_document_that_breaks_every_connection_is_for_later_and_its_neighbours_are_stored() -> (
    None
):
    index, resets = Index(), list[int]()
    batch = large(300, 1000)
    batch[123] = large(1, 2 * MOST_BYTES, "huge")[0]
    async with (
        server(index.bulk, most_bytes=MOST_BYTES, resets=resets) as url,
        sink_at(url) as sink,
    ):
        verdicts = await sink.write(batch)
        assert [position for position, one in enumerate(verdicts) if one != STORED] == [123]
        assert verdicts[123].verdict is Verdict.RETRY
        assert "the connection breaks for this document of 200" in verdicts[123].reason
        before = len(resets)
        assert (await sink.write([batch[123]]))[0].verdict is Verdict.RETRY
        assert len(resets) == before + 2
    assert len(index.kept) == 299


async def test_where_every_connection_breaks_the_batch_waits_after_a_few_requests() -> None:
    resets: list[int] = []
    async with server(most_bytes=1000, resets=resets) as url, sink_at(url) as sink:
        with pytest.raises(SinkUnavailableError, match="writing: "):
            await sink.write(large(300, 2000))
    assert len(resets) < 20


async def test_a_server_that_went_away_is_not_taken_for_a_limit() -> None:
    index, gone = Index(), False

    def bulk(ids: list[str]) -> Answer:
        nonlocal gone
        gone = True
        raise ConnectionError

    def info() -> Answer:
        return failure(503, "unavailable") if gone else (200, {"version": {"number": "9.4.3"}})

    async with server(bulk, info=info) as url, sink_at(url) as sink:
        with pytest.raises(SinkUnavailableError):
            await sink.write(large(1000, 100))
        assert not await sink.answers()
        gone = False
        assert await sink.answers()
    assert index.kept == []


@pytest.mark.parametrize("lost", ["late", "failed", "page", "empty", "other"])
async def test_what_was_stored_before_its_answer_was_lost_is_a_duplicate_of_its_own_kind(
    lost: str,
) -> None:
    index = Index()

    async def bulk(ids: list[str]) -> Answer:
        first = not index.kept
        answer = index.bulk(ids)
        if not first:
            return answer
        if lost == "late":
            await asyncio.Event().wait()
        return {
            "failed": failure(502, "bad_gateway"),
            "page": (200, PAGE),
            "empty": (200, {}),
            "other": stored(["x", "y", "z"]),
        }[lost]

    timeout_s = 1.0 if lost == "late" else 30.0
    async with server(bulk) as url, sink_at(url, timeout_s=timeout_s) as sink:
        with pytest.raises(SinkUnavailableError):
            await sink.write(documents(3))
        unsure = SinkVerdict(Verdict.DUPLICATE, remark=Remark.UNSURE)
        assert await sink.write(documents(4)) == [unsure] * 3 + [STORED]
        assert await sink.write(documents(4)) == [SinkVerdict(Verdict.DUPLICATE)] * 4
    assert len(index.kept) == 4


async def test_what_was_stored_before_the_connection_broke_is_a_duplicate_of_its_own_kind() -> None:
    index = Index()

    def bulk(ids: list[str]) -> Answer:
        first = not index.kept
        answer = index.bulk(ids)
        if first:
            raise ConnectionError
        return answer

    async with server(bulk) as url, sink_at(url) as sink:
        verdicts = await sink.write(documents(3))
    assert verdicts == [SinkVerdict(Verdict.DUPLICATE, remark=Remark.UNSURE)] * 3
