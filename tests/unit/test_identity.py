"""Ids that are new, ids of a place, and times as text."""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.identity import (
    id_of_document,
    id_of_position,
    new_id,
    now_rfc3339,
    parse_rfc3339,
    rfc3339,
)

SHAPE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def test_a_new_id_is_a_uuid7_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def test_new_ids_are_unique_and_sorted() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)


def test_a_place_has_one_id() -> None:
    here = id_of_position("S", 7, 1_795_460_123_000_000_000)
    assert here == id_of_position("S", 7, "1795460123000000000")
    assert uuid.UUID(here).version == 5
    others = {
        id_of_position("S", 8, 1_795_460_123_000_000_000),
        id_of_position("S", 7, 1_795_460_123_000_000_001),
        id_of_position("T", 7, 1_795_460_123_000_000_000),
    }
    assert len(others | {here}) == 4


def test_the_ids_of_places_and_documents_are_the_same_in_every_version() -> None:
    position = id_of_position("S", 1, 2)
    assert position == "b2807fbe-717f-538e-92cb-262a91bcf7c6"
    assert id_of_document("node-1", "order-17") == "5ca733b2-191c-588d-b7dc-0be5cac51eab"


@given(st.text(min_size=1).filter(lambda text: "\n" not in text), st.text(), st.text())
def test_a_document_is_of_one_source_and_one_id(source: str, id: str, other: str) -> None:
    assert id_of_document("", id) == id
    assert uuid.UUID(id_of_document(source, id)).version == 5
    assert (id_of_document(source, id) == id_of_document(source, other)) == (id == other)
    assert id_of_document(source, id) != id_of_document(source + "2", id)


def test_an_id_that_is_no_unicode_has_a_document_of_its_own() -> None:
    assert id_of_document("node", "\ud800") != id_of_document("node", "\ud801")


@given(st.integers(0, 4_102_444_800_000_000_000))
def test_nanoseconds_are_kept_as_text(unix_ns: int) -> None:
    text = rfc3339(unix_ns)
    assert SHAPE.fullmatch(text)
    assert int(text[20:29]) == unix_ns % 1_000_000_000
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=unix_ns // 1_000)
    assert parse_rfc3339(text) == expected


def test_now_is_now() -> None:
    now = now_rfc3339()
    assert SHAPE.fullmatch(now)
    assert abs(datetime.now(UTC) - parse_rfc3339(now)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-03T04:05:06Z", datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC)),
        ("2026-11-03T04:05:06.5Z", datetime(2026, 11, 3, 4, 5, 6, 500_000, tzinfo=UTC)),
        ("2026-11-03T04:05:06.999999999Z", datetime(2026, 11, 3, 4, 5, 6, 999_999, tzinfo=UTC)),
        ("2026-11-03T06:05:06.1234567+02:00", datetime(2026, 11, 3, 4, 5, 6, 123_456, tzinfo=UTC)),
        ("2026-11-02T23:35:06-04:30", datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_times_go_writes_are_read(text: str, moment: datetime) -> None:
    assert parse_rfc3339(text) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-03", "2026-11-03T04:05:06", "2026-13-03T04:05:06Z", "\ud800"]
)
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_rfc3339(text)
