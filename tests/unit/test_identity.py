"""Ids that are new, ids of a place, and times as text."""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.identity import id_of_position, new_id, now_rfc3339, parse_rfc3339, rfc3339

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
    here = id_of_position("S", "2026-11-03T00:00:00Z", 7)
    assert here == id_of_position("S", "2026-11-03T00:00:00Z", 7)
    assert uuid.UUID(here).version == 5
    others = {
        id_of_position("S", "2026-11-03T00:00:00Z", 8),
        id_of_position("S", "2026-11-03T00:00:01Z", 7),
        id_of_position("T", "2026-11-03T00:00:00Z", 7),
        id_of_position("S", "", 7),
    }
    assert len(others | {here}) == 5


def test_the_id_of_a_place_is_the_same_in_every_version() -> None:
    assert id_of_position("S", "c", 1) == "4117f6a3-4009-51fc-b89d-fac46838f663"


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
