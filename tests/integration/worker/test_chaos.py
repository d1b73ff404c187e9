"""A chaos run, by a seed: server, workers and links are stopped, killed and cut, and a checker judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.programs.chaos import ACK_WAIT_S, Chaos
from tests.kit.programs.chaos_check import Fault, Line, check
from tests.kit.soak import seeded, sized

DEAF_S = 10 + 5 + 3 * ACK_WAIT_S
"""A dead link is known after 10 s and made anew in 5 s; then partitions are taken over and complete."""


@pytest.mark.soak
async def test_under_stops_kills_and_cuts_nothing_is_lost_or_handled_twice_or_out_of_order(
    tmp_path: Path,
) -> None:
    seed = seeded(3)
    chaos = Chaos(tmp_path, seed)
    verdict = await chaos.run(sized(12, 600))
    said = f"seed {seed}: {chaos.accepted} accepted, {sorted(chaos.faults, key=lambda f: f.from_s)}"
    assert chaos.accepted > 500, said
    assert len(chaos.faults) >= 5, said
    assert chaos.broken == [], said
    assert verdict.lost == [], said
    assert verdict.twice == [], said
    assert verdict.two_owners == [], said
    assert verdict.out_of_order == [], said
    assert verdict.deaf_s < DEAF_S, said


def line(word: str, number: int, pid: int, at_s: float) -> Line:
    return Line(word, "k", number, pid, at_s)


RIGHT = [line("begin", 0, 1, 1), line("end", 0, 1, 2), line("begin", 1, 2, 3), line("end", 1, 2, 4)]
ACCEPTED = {"k": [0.5, 0.6]}


def test_the_checker_finds_nothing_in_a_run_that_is_right() -> None:
    verdict = check(RIGHT, ACCEPTED, [], 4.5)
    found = (verdict.lost, verdict.twice, verdict.out_of_order, verdict.two_owners)
    assert found == ([], [], [], [])
    assert verdict.deaf_s == pytest.approx(2)


def test_the_checker_finds_what_is_lost_twice_out_of_order_or_deaf() -> None:
    assert check(RIGHT[:2], ACCEPTED, [], 4.5).lost == [("k", 1)]
    again = [line("begin", 0, 1, 5), line("end", 0, 1, 6)]
    assert check([*RIGHT, *again], ACCEPTED, [], 4.5).twice == [("k", 0, 1)]
    assert check([*RIGHT[2:], *again], ACCEPTED, [], 4.5).out_of_order == [RIGHT[2]]
    late = [*RIGHT[:3], line("end", 1, 2, 40)]
    assert check(late, ACCEPTED, [], 4.5).deaf_s == pytest.approx(38)
    assert check(late, ACCEPTED, [Fault("kill", 0, 5, 35)], 4.5).deaf_s == pytest.approx(8)


@pytest.mark.parametrize(
    ("fault", "found", "excused"),
    [
        (None, 1, 0),
        (Fault("kill", 1, 2, 2), 0, 0),
        (Fault("stop", 1, 2, 9), 0, 1),
        (Fault("stop", 1, 2, 4), 1, 0),  # too short to lose its partitions
        (Fault("stop", 1, 0.5, 9), 1, 0),  # begun after the stop
        (Fault("stop", 2, 2, 9), 1, 0),
    ],
)
def test_the_checker_tells_two_owners_from_what_had_begun_before_a_long_stop(
    fault: Fault | None, found: int, excused: int
) -> None:
    journal = [line("begin", 0, 1, 1), line("begin", 0, 2, 8), line("end", 0, 1, 9)]
    verdict = check(journal, {"k": [0.5]}, [fault] if fault else [], 4.5)
    assert (len(verdict.two_owners), verdict.excused) == (found, excused)
