from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.errors import ConfigError, ExtraNotInstalledError, SinkError
from dms_events.sink import Document, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.encode import encode, halves, split
from dms_events_elasticsearch.judge import Refused, describe, judge

CONFLICT = {
    "type": "version_conflict_engine_exception",
    "reason": "[1]: version conflict, document already exists (current version [1])",
}
STRICT = {
    "type": "strict_dynamic_mapping_exception",
    "reason": "[1:8] mapping set to strict, dynamic introduction of [Cpu] within [_doc] is not allowed",
}
BAD_DATE = {
    "type": "document_parsing_exception",
    "reason": "[1:25] failed to parse field [@timestamp] of type [date_nanos]",
    "caused_by": {
        "type": "illegal_argument_exception",
        "reason": "failed to parse date field [tomorrow]",
        "caused_by": {"type": "date_time_parse_exception", "reason": "Failed to parse\nwith all"},
    },
}
OVERLOAD = {"type": "es_rejected_execution_exception", "reason": "rejected execution of primary"}
TOO_LARGE = {
    "type": "es_rejected_execution_exception",
    "reason": "Request contains an operation of size [20232] bytes, "
    "which exceeds the maximum allowed limit of [10240] bytes",
}
NO_SHARDS = {
    "type": "validation_exception",
    "reason": "Validation Failed: 1: this action would add [2] shards, but this cluster currently "
    "has [2]/[2] maximum normal shards open;",
}
NO_INDEX = {"type": "index_not_found_exception", "reason": "no such index [dms-x-2026.11]"}
CLOSED = {"type": "index_closed_exception", "reason": "closed"}
BLOCKED = {"type": "cluster_block_exception", "reason": "index [x] blocked by: [FORBIDDEN/8]"}
FULL_DISK = {"type": "cluster_block_exception", "reason": "[TOO_MANY_REQUESTS/12/disk usage]"}
FORBIDDEN = {"type": "security_exception", "reason": "action [indices:data/write/bulk[s]]"}
UNAVAILABLE = {"type": "unavailable_shards_exception", "reason": "primary shard is not active"}

RECORDED = [
    (201, None, None, Verdict.STORED),
    (409, CONFLICT, None, Verdict.DUPLICATE),
    (409, {"type": "other_conflict", "reason": "not ours"}, None, Verdict.REJECTED),
    (400, STRICT, None, Verdict.REJECTED),
    (400, BAD_DATE, None, Verdict.REJECTED),
    (400, CLOSED, None, Verdict.REJECTED),
    (400, NO_SHARDS, None, Verdict.RETRY),
    (401, FORBIDDEN, None, Verdict.RETRY),
    (403, FORBIDDEN, None, Verdict.RETRY),
    (403, BLOCKED, None, Verdict.RETRY),
    (404, NO_INDEX, None, Verdict.RETRY),
    (429, OVERLOAD, None, Verdict.RETRY),
    (429, FULL_DISK, None, Verdict.RETRY),
    (503, UNAVAILABLE, None, Verdict.RETRY),
    (500, None, None, Verdict.RETRY),
    (201, None, "used", Verdict.REJECTED),
    (400, STRICT, "failed", Verdict.REJECTED),
    (429, OVERLOAD, "failed", Verdict.RETRY),
    (201, None, "not_enabled", Verdict.STORED),
    (201, OVERLOAD, None, Verdict.RETRY),
]


def document(id: str = "1", body: bytes = b'{"a":1}') -> Document:
    return Document(
        id=id,
        type_name="elk_stats.ServiceCall",
        time=datetime(2026, 11, 5, tzinfo=UTC),
        index="dms-elk_stats.service_call-2026.11",
        body=body,
    )


def item(id: str, status: int, error: object = None, failure_store: str | None = None) -> Any:
    answer: dict[str, Any] = {"_id": id, "status": status}
    if error is not None:
        answer["error"] = error
    if failure_store is not None:
        answer["failure_store"] = failure_store
    return {"create": answer}


@pytest.mark.parametrize(("status", "error", "failure_store", "verdict"), RECORDED)
def test_an_item_is_judged_by_what_it_says(
    status: int, error: object, failure_store: str | None, verdict: Verdict
) -> None:
    [judgement] = judge([document()], {"items": [item("1", status, error, failure_store)]})
    assert judgement.verdict is verdict
    if verdict in {Verdict.RETRY, Verdict.REJECTED}:
        assert judgement.reason


@given(st.lists(st.tuples(st.text(max_size=5), st.sampled_from(RECORDED)), max_size=40))
def test_every_document_gets_exactly_its_own_judgement(
    batch: list[tuple[str, tuple[int, object, str | None, Verdict]]],
) -> None:
    reply = {"items": [item(id, *recorded[:3]) for id, recorded in batch]}
    judgements = judge([document(id) for id, _ in batch], reply)
    assert [j.verdict for j in judgements] == [recorded[3] for _, recorded in batch]


@given(st.integers(), st.none() | st.text() | st.dictionaries(st.text(), st.text()))
def test_no_status_but_success_is_ever_taken_for_stored(status: int, error: object) -> None:
    try:
        [judgement] = judge([document()], {"items": [item("1", status, error)]})
    except SinkError:
        return
    assert (judgement.verdict is Verdict.STORED) == (200 <= status < 300 and error is None)


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "<html>",
        {},
        {"items": None},
        {"items": []},
        {"items": [item("1", 201)]},
        {"items": [item("1", 201), item("2", 201), item("3", 201)]},
        {"items": [item("2", 201), item("1", 201)]},
        {"items": [item("1", 201), {}]},
        {"items": [item("1", 201), {"index": {"_id": "2", "status": 201}}]},
        {"items": [item("1", 201), {"create": {"_id": "2"}}]},
        {"items": [item("1", 201), {"create": {"_id": "2", "status": "201"}}]},
    ],
)
def test_an_answer_to_something_else_judges_nothing(reply: object) -> None:
    with pytest.raises(SinkError, match="answer"):
        judge([document("1"), document("2")], reply)


def test_a_document_too_large_to_index_is_not_mistaken_for_overload() -> None:
    reply = {"items": [item("1", 429, TOO_LARGE), item("2", 429, TOO_LARGE)]}
    with pytest.raises(Refused, match="operation of size"):
        judge([document("1"), document("2")], reply)


def test_a_reason_names_the_causes_in_one_line() -> None:
    assert describe(BAD_DATE) == (
        "document_parsing_exception: [1:25] failed to parse field [@timestamp] of type [date_nanos]"
        "; caused by illegal_argument_exception: failed to parse date field [tomorrow]"
        "; caused by date_time_parse_exception: Failed to parse with all"
    )
    assert len(describe({"type": "x", "reason": "y" * 10_000})) == 500
    assert describe(None) == ""
    assert describe("no handler") == "no handler"


sizes = st.lists(st.integers(0, 300), max_size=30)


@given(sizes, st.integers(1, 2_000))
def test_a_batch_is_split_in_order_and_within_the_limit(lengths: list[int], limit: int) -> None:
    batch = [document(str(n), b"x" * length) for n, length in enumerate(lengths)]
    parts = list(split(batch, limit))
    assert [d for part in parts for d in part] == batch
    assert all(parts)
    for part in parts:
        assert len(part) == 1 or len(b"\n".join(encode(part))) + 1 <= limit


@given(st.integers(2, 50))
def test_halves_are_both_smaller_and_keep_the_order(length: int) -> None:
    batch = [document(str(n)) for n in range(length)]
    first, second = halves(batch)
    assert first
    assert second
    assert [*first, *second] == batch


def test_a_body_travels_as_it_is() -> None:
    first, second = encode([document('a"b', b'{"n":1.10,"s":"\\n"}')])
    assert msgspec.json.decode(first) == {
        "create": {"_index": "dms-elk_stats.service_call-2026.11", "_id": 'a"b'}
    }
    assert second == b'{"n":1.10,"s":"\\n"}'


def test_a_line_break_in_a_body_cannot_smuggle_a_command() -> None:
    lines = encode([document(body=b'{}\n{"delete":{"_index":"x","_id":"1"}}')])
    assert len(lines) == 2
    assert not any(b"\n" in line for line in lines)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://:9200",
        "https://user:secret@localhost",
        "http://user:secret@localhost:port",
        "http://user:secret@localhost:9200?api_key=secret",
        "http://user:secret/1@localhost:9200",
        "http://user:1/secret@localhost:9200",
    ],
)
def test_an_incomplete_url_is_a_config_error_that_shows_no_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ElasticsearchSink(url)
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


def test_there_is_one_way_to_log_in() -> None:
    with pytest.raises(ConfigError, match="one of"):
        ElasticsearchSink("http://user:secret@localhost:9200", api_key="key")


async def test_a_sink_that_is_not_open_takes_nothing() -> None:
    sink = ElasticsearchSink("http://localhost:9200")
    with pytest.raises(SinkError, match="not open"):
        await sink.write([document()])
    await sink.close()


@pytest.mark.parametrize("package", ["elasticsearch", "aiohttp"])
def test_without_the_client_the_cure_is_named(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExtraNotInstalledError, match=r"pip install 'dms-events\[elasticsearch\]'"):
        ElasticsearchSink("http://localhost:9200")
