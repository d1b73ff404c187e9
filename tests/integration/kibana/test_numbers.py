"""The numbers behind each panel, from a real Elasticsearch, against the same events in SQLite."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from dms_events.report import queries
from dms_events_kibana import all_dashboards, search_body
from dms_events_kibana.model import Asking, Cumulative, Data, OverTime, Tile, Top
from tests.kit.kibana.counted import COUNTED, counted
from tests.kit.kibana.rows import Row, rows_of
from tests.kit.kibana.seeded import END, SLOT_MS, START, connected, store
from tests.kit.paths import HOME
from tests.kit.servers.elasticsearch import call
from tests.kit.servers.elasticsearch_fixtures import emptied

GUIDE = (HOME / "docs" / "kibana.md").read_text(encoding="utf-8")
PANELS = {
    (dashboard.key, panel.title): panel
    for dashboard in all_dashboards()
    for panel in dashboard.panels()
}
TILES = [key for key, panel in PANELS.items() if isinstance(panel, Tile)]


class Seeded:
    """Both sinks with the same events."""

    def __init__(self, url: str, connection: sqlite3.Connection) -> None:
        self.url = url
        self.connection = connection

    def rows(self, data: Data) -> list[Row]:
        """The answer of Elasticsearch to a panel."""
        body = search_body(data, start=START.isoformat(), end=END.isoformat(), every=f"{SLOT_MS}ms")
        return rows_of(data, call(f"{self.url}/dms-elk_stats.*/_search", "POST", body))


@pytest.fixture(scope="module")
def stores(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    database = tmp_path_factory.mktemp("stores") / "events.db"
    asyncio.run(store(database, emptied(elasticsearch_url)))
    call(f"{elasticsearch_url}/dms-*/_refresh", "POST")
    with closing(connected(database)) as connection:
        yield Seeded(elasticsearch_url, connection)


def test_each_panel_is_counted() -> None:
    assert list(COUNTED) == list(PANELS)


@pytest.mark.parametrize("key", PANELS, ids=" ".join)
def test_the_numbers_of_a_panel_are_those_of_sqlite(stores: Seeded, key: tuple[str, str]) -> None:
    data = PANELS[key].data
    found, expected = stores.rows(data), counted(stores.connection, *key)
    if any(isinstance(bucket, OverTime) for bucket in data.buckets.values()):
        found, expected = sorted(showing(found, data)), sorted(showing(expected, data))
    keys = len(data.buckets)
    assert [row[:keys] for row in found] == [row[:keys] for row in expected]
    assert all(map(agree, found, expected)), [
        pair for pair in zip(found, expected, strict=True) if not agree(*pair)
    ]


@pytest.mark.parametrize("key", PANELS, ids=" ".join)
def test_a_panel_shows_something_in_each_of_its_series(
    stores: Seeded, key: tuple[str, str]
) -> None:
    data = PANELS[key].data
    rows = stores.rows(data)
    for n in range(len(data.buckets), len(rows[0])):
        assert any(row[n] for row in rows)


@pytest.mark.parametrize("key", TILES, ids=" ".join)
def test_the_course_behind_a_number_is_not_empty(stores: Seeded, key: tuple[str, str]) -> None:
    over_time = msgspec.structs.replace(PANELS[key].data, buckets={"when": OverTime()})
    assert len(showing(stores.rows(over_time), over_time)) > 5


def test_the_numbers_are_those_of_the_report(stores: Seeded) -> None:
    types = queries.types(stores.connection)
    span = queries.span_of(types)
    stored = {row[0]: row[1] for row in stores.rows(panel("overview", "What is stored").data)}
    assert sorted(stored.values()) == sorted(row.documents for row in types)
    growth = queries.growth(stores.connection, span)
    assert number(stores, "devices", "Devices onboarded") == sum(row.devices for row in growth)
    cpu_ghz = sum(row.cpu_mhz for row in growth) / 1000
    assert number(stores, "devices", "CPU onboarded") == pytest.approx(cpu_ghz)
    payments = queries.payments(stores.connection, span)
    assert number(stores, "payments", "NTX paid") == sum(r.ntx for r in payments if r.success)
    assert number(stores, "payments", "Payments") == sum(row.payments for row in payments)
    services = queries.top_services(stores.connection, 8)
    top = stores.rows(panel("service-calls", "Top services").data)
    assert top == [(row.service_id, row.calls) for row in services]


def test_the_last_status_of_all_calls_is_that_of_the_report(stores: Seeded) -> None:
    data = panel("service-calls", "Calls").data
    latest = data.buckets["call"]
    assert isinstance(latest, Top)
    all_calls = {"call": msgspec.structs.replace(latest, size=10_000)}
    rows = stores.rows(msgspec.structs.replace(data, buckets=all_calls))
    found: dict[str, int] = {}
    for row in rows:
        if row[1] != "paused":  # of the one call that was never accepted
            found[row[1]] = found.get(row[1], 0) + 1
    expected: dict[str, int] = {}
    span = queries.span_of(queries.types(stores.connection))
    for bucket in queries.calls(stores.connection, span):
        expected[bucket.status] = expected.get(bucket.status, 0) + bucket.calls
    assert found == expected


def test_the_search_of_the_guide_finds_something(stores: Seeded) -> None:
    [block] = re.findall(r"```json\nPOST (\S+)\n(.*?)```", GUIDE, re.DOTALL)
    answer = call(f"{stores.url}/{block[0]}", "POST", json.loads(block[1]))
    assert answer["_shards"]["failed"] == 0
    paid = [bucket["paid"]["ntx"]["value"] for bucket in answer["aggregations"]["peer"]["buckets"]]
    assert sum(paid) == number(stores, "payments", "NTX paid")


def panel(dashboard: str, title: str) -> Asking:
    return PANELS[dashboard, title]


def number(stores: Seeded, dashboard: str, title: str) -> Any:
    [(value,)] = stores.rows(panel(dashboard, title).data)
    return value


def showing(rows: list[Row], data: Data) -> list[Row]:
    """The rows of buckets that are not empty; Elasticsearch answers empty ones of time too."""
    plain = [n for n, one in enumerate(data.measures.values()) if not isinstance(one, Cumulative)]
    return [row for row in rows if any(row[len(data.buckets) + n] for n in plain)]


def agree(found: Row, expected: Row) -> bool:
    return all(map(_same, found, expected))


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, str) and "…" in expected:
        low, high = map(float, expected.split("…"))
        return found is not None and low * (1 - 1e-6) <= found <= high * (1 + 1e-6)
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return found == pytest.approx(expected, rel=1e-6)  # the index holds float32
    return bool(found == expected)
