"""What the sink makes of answers to a whole request, from a server that answers as told."""

from __future__ import annotations

import asyncio

import pytest

from dms_events.errors import SinkError
from dms_events.sink import Pace, SinkUnavailableError, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.faults import Obstacle
from tests.kit.servers.scripted_elasticsearch import (
    PAGE,
    Answer,
    documents,
    failure,
    server,
    sink_at,
    stored,
)

STORED, REJECTED = Verdict.STORED, Verdict.REJECTED


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
    assert [judged and judged.verdict for judged in raised.value.verdicts] == [STORED] * 2


@pytest.mark.parametrize(
    ("status", "type", "held"),
    [
        (429, "es_rejected_execution_exception", True),
        (429, "circuit_breaking_exception", True),
        (403, "security_exception", False),
        (503, "unavailable_shards_exception", False),
        (403, "cluster_block_exception", False),
        (429, "cluster_block_exception", False),
        (404, "index_not_found_exception", False),
    ],
)
async def test_an_overload_holds_its_documents_and_slows_down_and_a_blocked_index_does_neither(
    status: int, type: str, held: bool
) -> None:
    full = False

    def bulk(ids: list[str]) -> Answer:
        error = {"status": status, "error": {"type": type, "reason": "because"}}
        return 200, {
            "items": [
                {"create": {"_id": id, **(error if full and id == "1" else {"status": 201})}}
                for id in ids
            ]
        }

    most = Pace(batch=1000, batch_bytes=1000, writes=4)
    async with server(bulk) as url, sink_at(url) as sink:
        for _ in range(20):
            await sink.write(documents(3))
        assert sink.pace(most) == most
        full = True
        if held:
            with pytest.raises(SinkUnavailableError, match=r"writing: 429 .*: because") as raised:
                await sink.write(documents(3))
            assert raised.value.overloaded
            judgements = raised.value.verdicts
        else:
            judgements = tuple(await sink.write(documents(3)))
        assert (sink.pace(most).writes < 4) is held
    verdicts = [judged and judged.verdict for judged in judgements]
    assert verdicts == [STORED, None if held else Verdict.RETRY, STORED]


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
