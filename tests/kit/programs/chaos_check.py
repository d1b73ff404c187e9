"""The checker of a chaos run, from outside: accepted events, faults, and the workers' journal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

__all__ = ["Fault", "Line", "Verdict", "check", "read_journal"]


class Line(NamedTuple):
    """What a worker wrote down."""

    word: str
    key: str
    number: int
    pid: int
    at_s: float


class Fault(NamedTuple):
    """What was done to the server (``pid`` 0) or to a worker, from when until when."""

    kind: str
    pid: int
    from_s: float
    until_s: float


class Verdict(msgspec.Struct):
    """What must be empty or small after a run."""

    lost: list[tuple[str, int]] = []
    """Accepted by the stream, and handled by no worker."""
    twice: list[tuple[str, int, int]] = []
    """Handled twice by one process."""
    out_of_order: list[Line] = []
    """Begun before the event before it, of the same key, had been handled once."""
    two_owners: list[Line] = []
    """Begun while another process, that lives, was at work on the same key."""
    excused: int = 0
    """The same, where the other process had begun before it was stopped, or cut off, for long."""
    deaf_s: float = 0.0
    """The longest time in which a key had something to be handled and no worker moved anything, but for
    the time in which the server itself was away."""


def read_journal(path: Path) -> list[Line]:
    """The whole lines of all workers, by their time."""
    text = path.read_text() if path.exists() else ""
    fields = [line.split() for line in text.rpartition("\n")[0].splitlines()]
    lines = [Line(w, k, int(n), int(p), float(t)) for w, k, n, p, t in fields]
    return sorted(lines, key=lambda line: line.at_s)


def check(
    lines: Sequence[Line],
    accepted: Mapping[str, Sequence[float]],
    faults: Sequence[Fault],
    lost_after_s: float,
) -> Verdict:
    """Judge a run.

    Args:
        lines: the journal.
        accepted: when each event of a key was accepted; its number is its place.
        faults: what was done.
        lost_after_s: for how long a worker may be silent before the others have its partitions.
    """
    verdict = Verdict()
    ended = {(line.key, line.number) for line in lines if line.word == "end"}
    of_all = [(key, number) for key, times in accepted.items() for number in range(len(times))]
    verdict.lost = [event for event in of_all if event not in ended]
    counts = Counter((line.key, line.number, line.pid) for line in lines if line.word == "end")
    verdict.twice = [event for event, count in counts.items() if count > 1]
    by_key: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_key[line.key].append(line)
    for of_key in by_key.values():
        _check_key(of_key, faults, lost_after_s, verdict)
    verdict.deaf_s = _deafest(lines, accepted, faults)
    return verdict


def _check_key(
    lines: Sequence[Line], faults: Sequence[Fault], lost_after_s: float, verdict: Verdict
) -> None:
    done: set[int] = set()
    at_work: dict[int, float] = {}
    for line in lines:
        if line.word != "begin":
            at_work.pop(line.pid, None)
            if line.word == "end":
                done.add(line.number)
            continue
        if line.number and line.number - 1 not in done:
            verdict.out_of_order.append(line)
        for pid in [pid for pid in at_work if pid != line.pid]:
            if _died(pid, line.at_s, faults):
                del at_work[pid]
            elif _was_away(pid, at_work[pid], line.at_s, faults, lost_after_s):
                verdict.excused += 1
            else:
                verdict.two_owners.append(line)
        at_work[line.pid] = line.at_s


def _died(pid: int, at_s: float, faults: Sequence[Fault]) -> bool:
    return any(f.pid == pid and f.kind == "kill" and f.from_s <= at_s for f in faults)


def _was_away(
    pid: int, begun_s: float, now_s: float, faults: Sequence[Fault], lost_after_s: float
) -> bool:
    """Whether a worker began something before a fault that took its partitions, which goes on since."""
    return any(
        f.pid == pid
        and f.kind in ("stop", "stall", "cut")
        and begun_s <= f.from_s
        and min(now_s, f.until_s) - f.from_s >= lost_after_s
        for f in faults
    )


def _deafest(
    lines: Sequence[Line], accepted: Mapping[str, Sequence[float]], faults: Sequence[Fault]
) -> float:
    away = sorted((f.from_s, f.until_s) for f in faults if not f.pid)
    steps = [(at_s, 1) for times in accepted.values() for at_s in times]
    first_ends: dict[tuple[str, int], float] = {}
    for line in lines:
        if line.word == "end":
            first_ends.setdefault((line.key, line.number), line.at_s)
    steps += [(at_s, -1) for at_s in first_ends.values()]
    deafest, waiting, since_s = 0.0, 0, 0.0
    for at_s, change in sorted(steps):
        if change < 0 and waiting > 0:
            deafest = max(deafest, at_s - since_s - _within(since_s, at_s, away))
        if change < 0 or waiting <= 0:
            since_s = at_s
        waiting += change
    return deafest


def _within(from_s: float, until_s: float, spans: Sequence[tuple[float, float]]) -> float:
    """How much of a time lies in spans that do not overlap."""
    return sum(max(0.0, min(until_s, end) - max(from_s, start)) for start, end in spans)
