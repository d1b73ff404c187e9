"""How much is sent at a time: more while the server answers soon, less when it has no room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dms_events_elasticsearch.bulk.flow import Flow

MOST, BATCH = 8, 1000


def at_full_speed() -> Flow:
    flow = Flow()
    for _ in range(100):
        flow.answered(0.1, 1.0)
        flow.writes(MOST)
    assert (flow.writes(MOST), flow.batch(BATCH)) == (MOST, BATCH)
    return flow


def test_it_begins_with_two_writes_and_grows_while_answers_come_soon() -> None:
    flow = Flow()
    seen = []
    for _ in range(40):
        seen.append(flow.writes(MOST))
        flow.answered(0.1, 1.0)
    assert seen[0] == 2
    assert seen[-1] == MOST
    assert seen == sorted(seen)


def test_an_overload_halves_the_writes_and_leaves_the_batch() -> None:
    flow = at_full_speed()
    flow.refused(2.0, 2.1, bytes_short=False)
    assert (flow.writes(MOST), flow.batch(BATCH)) == (4, BATCH)


def test_a_lack_of_memory_halves_the_batch_too() -> None:
    flow = at_full_speed()
    flow.refused(2.0, 2.1, bytes_short=True)
    assert (flow.writes(MOST), flow.batch(BATCH)) == (4, 500)


def test_refusals_of_requests_that_were_in_flight_together_count_once() -> None:
    flow = at_full_speed()
    for began in (2.0, 2.01, 2.02):
        flow.refused(began, 2.1, bytes_short=True)
    assert (flow.writes(MOST), flow.batch(BATCH)) == (4, 500)
    flow.refused(2.2, 2.3, bytes_short=True)
    assert (flow.writes(MOST), flow.batch(BATCH)) == (2, 250)


def test_a_late_answer_slows_down_and_one_in_between_changes_nothing() -> None:
    flow = at_full_speed()
    flow.answered(15.0, 20.0)
    assert (flow.writes(MOST), flow.batch(BATCH)) == (4, 500)
    for now in range(30, 60):
        flow.answered(5.0, float(now))
    assert (flow.writes(MOST), flow.batch(BATCH)) == (4, 500)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=200), st.integers(1, 2000))
def test_it_stays_within_its_limits(signs: list[tuple[bool, bool]], most: int) -> None:
    flow = Flow()
    for now, (good, bytes_short) in enumerate(signs, 1):
        if good:
            flow.answered(0.1, float(now))
        else:
            flow.refused(float(now), now + 0.5, bytes_short=bytes_short)
        assert 1 <= flow.writes(MOST) <= MOST
        assert min(most, 50) <= flow.batch(most) <= most
