"""Templates of others that take our indices are told from those that do not."""

from __future__ import annotations

import pytest

from dms_events_elasticsearch.setup.foreign import rivals

OURS = "dms-elk_stats.service_call-????.??"


def taken(pattern: str, priority: int | None) -> bool:
    template = {"index_patterns": ["other-*", pattern], "priority": priority}
    return bool(rivals({"zz": template}, [OURS], 500))


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "dms-*",
        "*-2026.11",
        "dms-elk_stats.service_call-2026.*",
        "*service*call*",
        "dms-elk_stats.service_call-2026.11",
        "*" * 200 + "11",
    ],
)
def test_a_pattern_that_some_month_fits_takes_our_indices(pattern: str) -> None:
    assert taken(pattern, 501)
    assert taken(pattern, 500), "the server refuses a second template of one priority"
    assert not taken(pattern, 499)
    assert not taken(pattern, None)


@pytest.mark.parametrize(
    "pattern",
    ["", "dms", "dms-elk_stats.service_call-archive-*", "dms-elk_stats.service_call", "*-2026.111"],
)
def test_a_pattern_that_no_month_fits_takes_nothing(pattern: str) -> None:
    assert not taken(pattern, 900)
