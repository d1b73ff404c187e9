"""``dms-events demo``: its figures are true, also when it is interrupted."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import NamedTuple

import pytest

from dms_events import registry
from tests.kit.programs.command import answer, complaint
from tests.kit.programs.processes import CLI, running, until
from tests.kit.storing import more_than, query

ROW = re.compile(r"│ (elk_stats\.\w+|all) +│ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │")


class Figures(NamedTuple):
    published: int
    stored: int
    duplicates: int
    rejected: int


def figures_in(text: str) -> dict[str, Figures]:
    return {
        row[1]: Figures(*(int(n.replace(",", "")) for n in row.groups()[1:]))
        for row in ROW.finditer(text)
    }


def in_database(folder: Path) -> dict[str, int]:
    return dict(query(folder / "events.db", "SELECT type, count(*) FROM documents GROUP BY type"))


async def test_the_demo_shows_what_the_database_holds(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    words = ("demo", "--devices", "5", "--events", "500", "--keep", folder)
    async with running(*CLI, *words) as demo:
        done = await demo.finish()
    assert done.code == 0, done.err
    figures = figures_in(done.out)
    total = figures.pop("all")
    assert total == Figures(501, 501, 0, 0), "500 of the fleet, and one of this machine"
    assert sorted(figures) == registry.matching("elk_stats.*")
    assert {name: row.stored for name, row in figures.items()} == in_database(folder)
    assert {name: row.published for name, row in figures.items()} == in_database(folder)
    assert total == Figures(*map(sum, zip(*figures.values(), strict=True)))
    assert str(folder / "events.db") in done.out
    assert str(folder / "report.html") in done.out
    assert "ServiceCall" in (folder / "report.html").read_text()
    [(distinct,)] = query(
        folder / "events.db",
        "SELECT count(DISTINCT json_extract(body, '$.event.id')) FROM documents",
    )
    assert distinct == 501

    assert f"{folder} holds an earlier run" in await complaint(*words)
    assert sum(in_database(folder).values()) == 501, "it was left as it was"
    assert await answer("report", folder / "events.db") == f"{folder / 'events.html'}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
async def test_an_interrupted_demo_still_reports_truthfully(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "kept"
    words = ("demo", "--devices", "50", "--events", "500000", "--keep", folder)
    async with running(*CLI, *words) as demo:
        await until(more_than(folder / "events.db", 3000), "some events are stored", by=demo)
        demo.send(number)
        done = await demo.finish()
    figures = figures_in(done.out)
    total = figures.pop("all")
    assert 3000 < total.published < 500_000
    assert total.published % 1000 == 0
    assert {name: row.stored for name, row in figures.items() if row.stored} == in_database(folder)
    assert total == Figures(*map(sum, zip(*figures.values(), strict=True)))
    assert done.code == (0 if total.published == total.stored else 1)
    assert total.published == total.stored, "what was published is still forwarded"
    assert "Interrupted" in done.out
    assert "Traceback" not in done.err
    assert (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--devices", "0"), "devices"),
        (("--events", "-1"), "events"),
        (("--devices", "5", "--events", "3"), "events"),
    ],
)
async def test_sizes_that_cannot_be_are_refused(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    assert says in await complaint("demo", *words, "--keep", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
