"""Rounds in turns, ratios of pairs, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Contestant", "Row", "Section", "in_turns", "print_table", "results"]

Contestant = Callable[[Any], Awaitable[float]]
"""Does the whole work once in a scene and returns the figure. The clock covers the compared work only."""


class Row(NamedTuple):
    """One comparison of two contestants of a section, by their names there.

    The ratio is theirs to ours and should be at least the bar; with ``at_most`` it is ours to theirs
    and should be at most the bar.
    """

    what: str
    ours: str
    theirs: str
    bar: float | None = None
    at_most: bool = False


class Section(NamedTuple):
    title: str
    unit: str
    measure: Callable[[Any, int], Awaitable[dict[str, list[float]]]]
    """Runs so many rounds; gives what each contestant needed in each of them."""
    rows: Sequence[Row]


def in_turns(
    contestants: Mapping[str, Contestant],
) -> Callable[[Any, int], Awaitable[dict[str, list[float]]]]:
    """All run in turns, every second round backwards, so that a slow moment hits all of them.

    One more round goes before, which only warms up.
    """

    async def measure(scene: Any, rounds: int) -> dict[str, list[float]]:
        figures: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            for name in list(contestants)[:: 1 if number % 2 else -1]:
                figure = await contestants[name](scene)
                if number:
                    figures[name].append(figure)
        return figures

    return measure


def results(section: Section, figures: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """One record for each row: medians, and the median of the ratios within the rounds."""
    records = []
    for row in section.rows:
        ours, theirs = figures[row.ours], figures[row.theirs]
        pairs = zip(ours, theirs, strict=True)
        ratios = sorted(a / b if row.at_most else b / a for a, b in pairs)
        ratio = statistics.median(ratios)
        holds = row.bar is None or (ratio <= row.bar if row.at_most else ratio >= row.bar)
        records.append(
            {
                "section": section.title,
                "what": row.what,
                "ours": statistics.median(ours),
                "theirs": statistics.median(theirs),
                "unit": section.unit,
                "ratio": ratio,
                "ratio_min": ratios[0],
                "ratio_max": ratios[-1],
                "bar": row.bar,
                "sense": "at most" if row.at_most else "at least",
                "verdict": "" if row.bar is None else "ok" if holds else "below",
            }
        )
    return records


def print_table(section: Section, records: Sequence[Mapping[str, Any]]) -> None:
    print(f"\n{section.title} ({section.unit})")
    print(f"  {'':58} {'ours':>8} {'theirs':>8} {'ratio':>7} {'spread':>13} {'bar':>7}")
    for record in records:
        sign = "≤" if record["sense"] == "at most" else "≥"
        bar = f"{sign} {record['bar']:g}" if record["bar"] is not None else "–"
        spread = f"{record['ratio_min']:.2f}–{record['ratio_max']:.2f}"
        print(
            f"  {record['what']:58} {record['ours']:8.2f} {record['theirs']:8.2f} "
            f"{record['ratio']:6.2f}× {spread:>13} {bar:>7}  {record['verdict']}",
            flush=True,
        )
