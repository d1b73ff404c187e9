"""What the dashboards show, before any server's format."""

from __future__ import annotations

import json
from itertools import chain, combinations
from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events.report.colours import FAILED, STATUSES, SUCCESS
from dms_events.types.elk_stats import ResourceValues, ServiceCall
from dms_events_kibana import all_dashboards, objects
from dms_events_kibana.model import (
    ACCENT,
    OUTCOME,
    QUIET,
    SECOND,
    AllOf,
    Chart,
    Is,
    Ranking,
    Stat,
    colour_of,
    field_of,
    readable,
)

CHARTS = [panel for one in all_dashboards() for panel in one.panels() if isinstance(panel, Chart)]
RANKINGS = [p for one in all_dashboards() for p in one.panels() if isinstance(p, Ranking)]
MEANINGS = {"success": "success", "failure": "failure", "online": "success", "offline": "failure"}
SEEN = ("success", "failure", "unknown", "accepted", "running")

# Machado, Oliveira and Fernandes 2009, severity 1, of linear RGB.
VISION = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red cones": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green cones": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue cones": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
WHITE = (0.9505, 1.0, 1.089)
APART = 14.0
"""In CIELAB; 2.3 is a difference that is just noticed."""


def status_in(where: object) -> str | None:
    """The one status or outcome that a condition asks for."""
    for one in where.conditions if isinstance(where, AllOf) else (where,):
        if isinstance(one, Is) and len(one.values) == 1 and one.field.name != "event.dataset":
            return one.values[0]
    return None


def test_a_status_has_its_colour_on_every_chart() -> None:
    found = set()
    for chart in CHARTS:
        for id_, series in chart.series.items():
            measure: Any = chart.data.measures[id_]
            if status := status_in(getattr(measure, "where", None)):
                assert series.colour == colour_of(status), (chart.title, id_)
                found.add(status)
    for ranking in RANKINGS:
        if status := status_in(ranking.data.where):
            assert ranking.colour == colour_of(status), ranking.title
    assert found >= {*SEEN, "online", "offline", "finished with errors"}


def test_what_went_well_or_wrong_has_one_colour_and_nothing_else_has_it() -> None:
    assert {colour_of(word) for word in MEANINGS if MEANINGS[word] == "success"} == {SUCCESS}
    assert {colour_of(word) for word in MEANINGS if MEANINGS[word] == "failure"} == {FAILED}
    for chart in CHARTS:
        for id_, series in chart.series.items():
            measure: Any = chart.data.measures[id_]
            if not status_in(getattr(measure, "where", None)):
                assert series.colour not in STATUSES.values()
    assert colour_of("a word that nobody uses") == QUIET


@pytest.mark.parametrize("vision", VISION)
def test_colours_of_outcomes_are_told_apart_by_every_eye(vision: str) -> None:
    statuses = dict.fromkeys(map(colour_of, SEEN))
    for one, other in chain(combinations(statuses, 2), combinations((ACCENT, SECOND, QUIET), 2)):
        apart = distance(seen(one, vision), seen(other, vision))
        assert apart > APART, (one, other, apart)


def test_badges_of_statuses_can_be_read() -> None:
    formats = json.loads(objects()[0]["attributes"]["fieldFormatMap"])
    badges = [
        badge for name in ("Status", OUTCOME.name) for badge in formats[name]["params"]["colors"]
    ]
    assert {badge["regex"] for badge in badges} >= {f"^{status}$" for status in STATUSES}
    for badge in badges:
        light, dark = sorted(map(luminance, (badge["text"], badge["background"])))
        assert (dark + 0.05) / (light + 0.05) >= 4.5, badge


def test_numbers_of_fields_with_a_unit_have_its_format_or_its_name() -> None:
    view = objects()[0]["attributes"]
    formats, attributes = json.loads(view["fieldFormatMap"]), json.loads(view["fieldAttrs"])
    assert formats["TimeTaken"]["id"] == "duration"
    assert attributes["ChangedAttributeAndValue.RAM"] == {
        "customLabel": "ChangedAttributeAndValue.RAM, MB"
    }
    assert "Timestamp" not in formats


def test_a_measure_without_a_known_unit_is_not_scaled() -> None:
    with pytest.raises(KeyError):
        readable(Stat("sum", field_of(ServiceCall, "network_bw_used"), "Network"))


def test_a_field_that_the_type_lacks_is_an_error() -> None:
    assert field_of(ResourceValues, "cpu").name == "CPU"
    with pytest.raises(LookupError):
        field_of(ServiceCall, "cpu")


def test_each_dashboard_leads_to_the_others_and_says_what_one_sees() -> None:
    keys = {f"dms-{one.key}" for one in all_dashboards()}
    assert len(keys) == 4
    for one in objects()[1:]:
        first = json.loads(one["attributes"]["panelsJSON"])[0]
        text = first["embeddableConfig"]["savedVis"]["params"]["markdown"]
        assert all(f"(#/view/{key})" in text for key in keys - {one["id"]})
        assert f"(#/view/{one['id']})" not in text


def test_rows_fill_the_width() -> None:
    for one in objects()[1:]:
        panels = json.loads(one["attributes"]["panelsJSON"])
        for y in {panel["gridData"]["y"] for panel in panels}:
            widths = [p["gridData"]["w"] for p in panels if p["gridData"]["y"] == y]
            assert sum(widths) == 48


@pytest.mark.parametrize("prefix", ["", "Net", "a-b", "a*", "a" * 65])
def test_a_prefix_that_no_index_can_have_is_a_config_error(prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        objects(prefix)


def linear(colour: str) -> tuple[float, ...]:
    parts = (part / 255 for part in bytes.fromhex(colour[1:]))
    return tuple(p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)


def luminance(colour: str) -> float:
    return sum(map(float.__mul__, XYZ[1], linear(colour)))


def times(matrix: Any, vector: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def seen(colour: str, vision: str) -> tuple[float, float, float]:
    """The colour in CIELAB, as an eye of this kind sees it."""
    light = [min(1.0, max(0.0, part)) for part in times(VISION[vision], linear(colour))]
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (a / b for a, b in zip(times(XYZ, tuple(light)), WHITE, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)
