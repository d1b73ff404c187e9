from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.errors import ConfigError, ExtraNotInstalledError, SinkError
from dms_events.sink import Document, Remark, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.bulk.judge import Judge, Judged
from dms_events_elasticsearch.faults import describe

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
MEMORY = {"type": "circuit_breaking_exception", "reason": "[parent] Data too large"}
NO_WRITE_INDEX = {
    "type": "illegal_argument_exception",
    "reason": "no write index is defined for alias [al]. The write index may be explicitly disabled",
}
NO_PIPELINE = {
    "type": "illegal_argument_exception",
    "reason": "pipeline with id [nope] does not exist",
}
FAIL = {"type": "fail_processor_exception", "reason": "no thanks"}
SCRIPT = {"type": "script_exception", "reason": "runtime error"}
PROCESSOR = {"type": "illegal_argument_exception", "reason": "unable to parse date [x]"}
NO_ROUTING = {"type": "routing_missing_exception", "reason": "routing is required for [ro]/[1]"}
FULL_MAPPING = {
    "type": "document_parsing_exception",
    "reason": "[1:23] failed to parse: Limit of total fields [2] has been exceeded while adding [3]",
}
QUOTES = {
    "type": "document_parsing_exception",
    "reason": "[1:7] failed to parse field [n] of type [integer] in document with id '1'. "
    "Preview of field's value: 'pipeline with id [nope] does not exist'",
}
UNAVAILABLE = {"type": "unavailable_shards_exception", "reason": "primary shard is not active"}

RECORDED = [
    (201, None, None, Verdict.STORED),
    (409, CONFLICT, None, Verdict.DUPLICATE),
    (409, {"type": "other_conflict", "reason": "not ours"}, None, Verdict.REJECTED),
    (400, STRICT, None, Verdict.REJECTED),
    (400, BAD_DATE, None, Verdict.REJECTED),
    (400, CLOSED, None, Verdict.RETRY),
    (400, NO_SHARDS, None, Verdict.RETRY),
    (400, NO_WRITE_INDEX, None, Verdict.RETRY),
    (400, NO_PIPELINE, None, Verdict.RETRY),
    (400, SCRIPT, None, Verdict.RETRY),
    (400, NO_ROUTING, None, Verdict.RETRY),
    (400, FULL_MAPPING, None, Verdict.RETRY),
    (400, QUOTES, None, Verdict.REJECTED),
    (400, PROCESSOR, None, Verdict.REJECTED),
    (500, FAIL, None, Verdict.RETRY),
    (401, FORBIDDEN, None, Verdict.RETRY),
    (403, FORBIDDEN, None, Verdict.RETRY),
    (403, BLOCKED, None, Verdict.RETRY),
    (404, NO_INDEX, None, Verdict.RETRY),
    (429, OVERLOAD, None, None),
    (429, MEMORY, None, None),
    (429, FULL_DISK, None, Verdict.RETRY),
    (503, UNAVAILABLE, None, Verdict.RETRY),
    (500, None, None, Verdict.RETRY),
    (201, None, "used", Verdict.REJECTED),
    (400, STRICT, "failed", Verdict.REJECTED),
    (429, OVERLOAD, "failed", None),
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


def judge(documents: list[Document], reply: object, lost: Sequence[str] = ()) -> Judged:
    return Judge(lost, closed_passes=True).judge(documents, reply)


def outcomes(judged: Judged) -> list[Verdict | None]:
    return [None if verdict is None else verdict.verdict for verdict in judged.verdicts]


def item(id: str, status: int, error: object = None, failure_store: str | None = None) -> Any:
    answer: dict[str, Any] = {"_id": id, "status": status}
    if error is not None:
        answer["error"] = error
    if failure_store is not None:
        answer["failure_store"] = failure_store
    return {"create": answer}


@pytest.mark.parametrize(("status", "error", "failure_store", "verdict"), RECORDED)
def test_an_item_is_judged_by_what_it_says(
    status: int, error: object, failure_store: str | None, verdict: Verdict | None
) -> None:
    judged = judge([document()], {"items": [item("1", status, error, failure_store)]})
    assert outcomes(judged) == [verdict]
    [judgement] = judged.verdicts
    if judgement is None:
        assert judged.overload
    elif verdict in {Verdict.RETRY, Verdict.REJECTED}:
        assert judgement.reason


@given(st.lists(st.tuples(st.text(max_size=5), st.sampled_from(RECORDED)), max_size=40))
def test_every_document_gets_exactly_its_own_judgement(
    batch: list[tuple[str, tuple[int, object, str | None, Verdict | None]]],
) -> None:
    reply = {"items": [item(id, *recorded[:3]) for id, recorded in batch]}
    judged = judge([document(id) for id, _ in batch], reply)
    assert outcomes(judged) == [recorded[3] for _, recorded in batch]


@given(st.integers(), st.none() | st.text() | st.dictionaries(st.text(), st.text()))
def test_no_status_but_success_is_ever_taken_for_stored(status: int, error: object) -> None:
    try:
        judged = judge([document()], {"items": [item("1", status, error)]})
    except SinkError:
        return
    assert (outcomes(judged) == [Verdict.STORED]) == (200 <= status < 300 and error is None)


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
    reply = {"items": [item("1", 429, TOO_LARGE), item("2", 201), item("3", 429, TOO_LARGE)]}
    judged = judge([document("1"), document("2"), document("3")], reply)
    assert outcomes(judged) == [None, Verdict.STORED, None]
    assert (judged.too_large, judged.overload) == ([0, 2], "")
    assert "operation of size" in judged.too_large_reason


@pytest.mark.parametrize(
    ("found", "verdict", "remark"),
    [
        ({"_id": "1", "status": 200, "result": "noop"}, Verdict.REJECTED, Remark.LEFT_OUT),
        ({"_id": "other", "status": 201, "result": "created"}, Verdict.STORED, Remark.RENAMED),
        ({"_id": "other", "status": 409, "error": CONFLICT}, Verdict.REJECTED, Remark.RENAMED),
        ({"_id": "1", "status": 201, "failure_store": "used"}, Verdict.REJECTED, "failure_store"),
        ({"_id": "1", "status": 409, "error": CONFLICT}, Verdict.DUPLICATE, None),
        ({"_id": "lost", "status": 409, "error": CONFLICT}, Verdict.DUPLICATE, Remark.UNSURE),
    ],
)
def test_an_outcome_that_is_not_plain_has_a_remark(
    found: dict[str, Any], verdict: Verdict, remark: object
) -> None:
    own = "lost" if found["_id"] == "lost" else "1"
    [judgement] = judge([document(own)], {"items": [{"create": found}]}, lost=["lost"]).verdicts
    assert judgement is not None
    assert judgement.verdict is verdict
    assert judgement.remark is (Remark(remark) if isinstance(remark, str) else remark)


def test_a_closed_index_is_final_where_it_is_to_be() -> None:
    judge = Judge((), closed_passes=False)
    judged = judge.judge([document()], {"items": [item("1", 400, CLOSED)]})
    assert outcomes(judged) == [Verdict.REJECTED]


def test_a_reason_names_the_causes_in_one_line() -> None:
    assert describe(BAD_DATE) == (
        "document_parsing_exception: [1:25] failed to parse field [@timestamp] of type [date_nanos]"
        "; caused by illegal_argument_exception: failed to parse date field [tomorrow]"
        "; caused by date_time_parse_exception: Failed to parse with all"
    )
    assert len(describe({"type": "x", "reason": "y" * 10_000})) == 500
    assert describe(None) == ""
    assert describe("no handler") == "no handler"


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
