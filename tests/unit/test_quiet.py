"""What may happen for every message is logged now and then."""

from __future__ import annotations

import pytest

from dms_events.quiet import Notice, Quiet


def test_it_is_time_to_log_at_once_and_then_after_a_while() -> None:
    quiet, never = Quiet(3_600), Quiet(0)
    assert [quiet.over() for _ in range(3)] == [True, False, False]
    assert [never.over() for _ in range(3)] == [True, True, True]


def test_a_notice_counts_what_it_does_not_say(caplog: pytest.LogCaptureFixture) -> None:
    notice = Notice("%d of them, the last: %s")
    notice.add("a")
    notice.add("b", 2)
    assert (notice.count, caplog.messages) == (3, ["1 of them, the last: a"])
