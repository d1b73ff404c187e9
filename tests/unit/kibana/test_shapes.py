"""The settings that our file has are those of a file that a real Kibana 8.12.2 drew without a fault."""

from __future__ import annotations

from dms_events_kibana import dumps, objects
from tests.kit.kibana.shapes import shapes
from tests.kit.paths import HOME

DRAWN = HOME / "tests" / "fixtures" / "rendered_by_kibana_8_12_2.txt"
FORMATS = "index-pattern.attributes.fieldFormatMap.*.params"
BADGES = {f"{FORMATS}.colors[].{key}: str" for key in ("background", "regex", "text")}
"""Kibana's colour format is older than 8.9; the file that was drawn had none."""


def test_every_setting_was_drawn_by_a_kibana_but_the_badges_of_statuses() -> None:
    drawn = set(DRAWN.read_text(encoding="utf-8").splitlines())
    ours = shapes(dumps(objects()).decode())
    assert ours - drawn == {*BADGES, f"{FORMATS}.fieldType: str"}


def test_no_setting_is_missing_that_was_there_when_it_was_drawn() -> None:
    drawn = set(DRAWN.read_text(encoding="utf-8").splitlines())
    ours = shapes(dumps(objects()).decode())
    others = ("(range)", "(area_stacked).yConfig[].color:", f"{FORMATS}.fieldLength:")
    assert {path for path in drawn - ours if not any(other in path for other in others)} == set()
