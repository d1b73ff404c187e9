"""The largest request that gets through: learned, remembered, and tried upwards again rarely."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dms_events_elasticsearch.bulk.limit import RequestLimit


def test_a_refusal_halves_the_limit() -> None:
    limit = RequestLimit(5_000_000)
    limit.refused(3_000_000, "413", 0.0)
    assert limit.bytes_at(1.0) == 1_500_000
    limit.refused(1_200_000, "413", 1.0)
    assert limit.bytes_at(2.0) == 600_000
    limit.refused(5_000_000, "413", 2.0)
    assert limit.bytes_at(3.0) == 600_000, "an older request tells nothing new"


def test_after_five_minutes_a_request_may_be_twice_as_large() -> None:
    limit = RequestLimit(1000)
    limit.refused(400, "413", 0.0)
    assert limit.bytes_at(299.0) == 200
    assert limit.bytes_at(301.0) == 400
    limit.passed(390)
    assert limit.bytes_at(302.0) == 400
    assert [limit.bytes_at(1000.0), limit.bytes_at(1001.0)] == [800, 400]


def test_a_trial_that_is_refused_comes_again_after_twice_the_time() -> None:
    limit = RequestLimit(1000)
    limit.refused(400, "413", 0.0)
    now, waits = 0.0, []
    for _ in range(12):
        begun = now
        while limit.bytes_at(now) == 200:
            now += 60.0
        waits.append(now - begun)
        limit.refused(350, "413", now)
        assert limit.bytes_at(now) == 200
    assert waits[:4] == [300.0, 600.0, 1200.0, 2400.0]
    assert waits[-1] == 86_400.0, "at most a day"


@given(st.integers(1, 10**7), st.lists(st.integers(2, 10**7), max_size=40))
def test_the_limit_stays_within_its_bounds(most: int, sizes: list[int]) -> None:
    limit = RequestLimit(most)
    for now, size in enumerate(sizes):
        limit.refused(size, "413", float(now))
        assert 1 <= limit.bytes_at(float(now)) <= most
        assert limit.bytes_at(float(now)) <= max(1, size // 2)
