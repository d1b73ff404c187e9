"""The numbers of each panel, counted by SQLite from the same events."""

from __future__ import annotations

import sqlite3
from typing import Any

__all__ = ["COUNTED", "counted"]

_FAILURES = "1.0 * sum(outcome = 'failure') / count(*)"
_RATE_OF_CALLS = (
    "1.0 * sum(type = 'ServiceStatus' AND outcome = 'failure') / "
    "nullif(sum(type = 'ServiceStatus' AND outcome <> 'unknown'), 0)"
)
_TOP_SERVICES = "(SELECT service FROM calls GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 6)"
_GHZ = "1000"
_BYTES = "1048576"


def _last(column: str, table: str, key: str) -> str:
    """The value of the latest event of an outer row's peer or call."""
    where = f"inner.{key} = outer.{key} AND inner.{column} IS NOT NULL"
    return f"(SELECT {column} FROM {table} AS inner WHERE {where} ORDER BY at DESC LIMIT 1)"


COUNTED = {
    ("overview", "Devices seen"): "SELECT count(DISTINCT peer) FROM events",
    ("overview", "Devices onboarded"): "SELECT count(DISTINCT peer_id) FROM onboarded",
    ("overview", "Calls accepted"): "SELECT count(*) FROM calls",
    ("overview", "Failure rate"): f"SELECT {_FAILURES} FROM ended",
    ("overview", "NTX paid"): "SELECT sum(ntx) FROM paid",
    ("overview", "Events"): "SELECT count(*) FROM events",
    ("overview", "Calls that ended"): (
        "SELECT slot, sum(outcome = 'success'), sum(outcome = 'failure') FROM ended GROUP BY 1"
    ),
    ("overview", "Events by type"): "SELECT dataset, slot, count(*) FROM events GROUP BY 1, 2",
    ("overview", "Devices come and go"): (
        "SELECT slot, sum(status = 'online'), sum(status = 'offline') FROM device_statuses GROUP BY 1"
    ),
    ("overview", "NTX paid over time"): "SELECT slot, sum(ntx) FROM paid GROUP BY 1",
    ("overview", "Busiest hosts"): (
        "SELECT peer, count(*) FROM calls GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8"
    ),
    ("overview", "What is stored"): (
        "SELECT dataset, count(*), count(DISTINCT peer), max(at) FROM events "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    ),
    ("overview", "Peers"): (
        f"SELECT peer, count(*), sum(type = 'ServiceCall'), {_RATE_OF_CALLS}, "
        "total(CASE WHEN type = 'NtxPayment' AND outcome = 'success' THEN ntx END), max(at) "
        "FROM events GROUP BY 1 ORDER BY 2 DESC, 1"
    ),
    ("devices", "Devices seen"): "SELECT count(DISTINCT peer) FROM events",
    ("devices", "Devices onboarded"): "SELECT count(DISTINCT peer_id) FROM onboarded",
    ("devices", "CPU onboarded"): f"SELECT sum(cpu) / {_GHZ} FROM onboarded",
    ("devices", "Memory onboarded"): f"SELECT sum(ram) * {_BYTES} FROM onboarded",
    ("devices", "Went offline"): "SELECT count(*) FROM offline",
    ("devices", "Offers changed"): "SELECT count(*) FROM changes",
    ("devices", "Onboardings"): (
        "SELECT slot, count(*), sum(count(*)) OVER (ORDER BY slot) FROM onboarded GROUP BY 1"
    ),
    ("devices", "Status changes"): (
        "SELECT slot, sum(status = 'online'), sum(status = 'offline'), "
        "sum(status NOT IN ('online', 'offline')) FROM device_statuses GROUP BY 1"
    ),
    ("devices", "CPU of a device"): (
        f"SELECT slot, avg(cpu) / {_GHZ}, avg(cpu_now) / {_GHZ} FROM events "
        "WHERE cpu IS NOT NULL OR cpu_now IS NOT NULL GROUP BY 1"
    ),
    ("devices", "Memory of a device"): (
        f"SELECT slot, avg(ram) * {_BYTES}, avg(ram_now) * {_BYTES} FROM events "
        "WHERE ram IS NOT NULL OR ram_now IS NOT NULL GROUP BY 1"
    ),
    ("devices", "Most often offline"): (
        "SELECT peer, count(*) FROM offline GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8"
    ),
    ("devices", "Fleet"): (
        f"SELECT peer, {_last('status', 'device_statuses', 'peer')}, "
        "max(CASE WHEN type = 'DeviceStatusChange' THEN at END), "
        "sum(type = 'DeviceStatusChange' AND status = 'offline'), "
        f"{_last('cpu', 'onboarded', 'peer')}, {_last('cpu_now', 'changes', 'peer')}, "
        f"{_last('ram', 'onboarded', 'peer')}, {_last('ram_now', 'changes', 'peer')}, "
        "sum(type = 'ServiceCall'), max(at) FROM events AS outer GROUP BY 1 ORDER BY 10 DESC"
    ),
    ("service-calls", "Calls accepted"): "SELECT count(*) FROM calls",
    ("service-calls", "Calls ended"): "SELECT count(*) FROM ended",
    ("service-calls", "Failure rate"): f"SELECT {_FAILURES} FROM ended",
    ("service-calls", "Median time"): "SELECT around(seconds / 60, 50) FROM calls",
    ("service-calls", "95th percentile"): "SELECT around(seconds / 60, 95) FROM calls",
    ("service-calls", "Hosts"): "SELECT count(DISTINCT peer) FROM calls",
    ("service-calls", "Calls by status"): (
        "SELECT slot, sum(status = 'accepted'), sum(status = 'running'), "
        "sum(status = 'finished without errors'), sum(status = 'finished with errors'), "
        "sum(status = 'paused') FROM reports GROUP BY 1"
    ),
    ("service-calls", "Calls by service"): (
        f"SELECT service, slot, count(*) FROM calls WHERE service IN {_TOP_SERVICES} GROUP BY 1, 2"
    ),
    ("service-calls", "Time taken"): (
        "SELECT slot, around(seconds / 60, 50), around(seconds / 60, 95), around(seconds / 60, 99) "
        "FROM calls GROUP BY 1"
    ),
    ("service-calls", "Resources used by a call"): (
        f"SELECT slot, avg(cpu_used) / {_GHZ}, avg(memory_used) * {_BYTES} FROM calls GROUP BY 1"
    ),
    ("service-calls", "Top services"): (
        "SELECT service, count(*) FROM calls GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8"
    ),
    ("service-calls", "Top hosts"): (
        "SELECT peer, count(*) FROM calls GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8"
    ),
    ("service-calls", "Services with most failures"): (
        "SELECT service, count(*) FROM failed GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8"
    ),
    ("service-calls", "Services"): (
        f"SELECT service, sum(type = 'ServiceCall') AS calls, "
        f"sum(type = 'ServiceStatus' AND outcome = 'failure'), {_RATE_OF_CALLS}, "
        "around(seconds / 60, 50), around(seconds / 60, 95), total(ntx) "
        "FROM reports GROUP BY 1 ORDER BY calls DESC, 1"
    ),
    ("service-calls", "Latest failures"): (
        "SELECT call, max(at), service, peer FROM failed GROUP BY 1 ORDER BY 2 DESC LIMIT 50"
    ),
    ("service-calls", "Calls"): (
        f"SELECT call, {_last('status', 'reports', 'call')}, max(at), service, peer, "
        "max(cpu_used), max(memory_used), max(seconds), max(ntx) "
        "FROM reports AS outer GROUP BY 1 ORDER BY 3 DESC LIMIT 100"
    ),
    ("payments", "NTX paid"): "SELECT sum(ntx) FROM paid",
    ("payments", "NTX not paid"): "SELECT sum(ntx) FROM not_paid",
    ("payments", "Payments"): "SELECT count(*) FROM payments",
    ("payments", "Failure rate"): f"SELECT {_FAILURES} FROM payments",
    ("payments", "Median payment"): "SELECT around(ntx, 50) FROM paid",
    ("payments", "Peers paid"): "SELECT count(DISTINCT peer) FROM paid",
    ("payments", "NTX of accepted calls and NTX paid"): (
        "SELECT slot, total(CASE WHEN type = 'ServiceCall' THEN ntx END), "
        "total(CASE WHEN type = 'NtxPayment' AND outcome = 'success' THEN ntx END) "
        "FROM events WHERE type IN ('ServiceCall', 'NtxPayment') GROUP BY 1"
    ),
    ("payments", "Payments by outcome"): (
        "SELECT slot, sum(outcome = 'success'), sum(outcome = 'failure'), sum(outcome = 'unknown') "
        "FROM payments GROUP BY 1"
    ),
    ("payments", "NTX by service"): (
        "SELECT service, sum(ntx) FROM paid GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 7"
    ),
    ("payments", "Size of payments"): (
        "SELECT slot, around(ntx, 50), around(ntx, 95) FROM paid GROUP BY 1"
    ),
    ("payments", "Peers paid most"): (
        "SELECT peer, sum(ntx) FROM paid GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8"
    ),
    ("payments", "Services"): (
        "SELECT service, total(CASE outcome WHEN 'success' THEN ntx END) AS paid, "
        "total(CASE outcome WHEN 'failure' THEN ntx END), count(*), "
        f"{_FAILURES}, avg(CASE outcome WHEN 'success' THEN ntx END) "
        "FROM payments GROUP BY 1 ORDER BY paid DESC, 1"
    ),
    ("payments", "Latest failed payments"): (
        "SELECT call, max(at), service, peer, max(ntx) FROM not_paid GROUP BY 1 "
        "ORDER BY 2 DESC LIMIT 50"
    ),
}
"""By dashboard and title, in the form of the answers' rows."""


class _Around:
    """Aggregate: the values a rank below and above a percentile, since Elasticsearch estimates it."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._percent = 0

    def step(self, value: float | None, percent: int) -> None:
        self._percent = percent
        if value is not None:
            self._values.append(value)

    def finalize(self) -> str | None:
        if not self._values:
            return None
        self._values.sort()
        last = len(self._values) - 1
        near = max(1, round(last * 0.01))
        rank = self._percent / 100 * last
        low = self._values[max(0, int(rank) - near)]
        return f"{low}…{self._values[min(last, int(rank + 1) + near)]}"


def counted(connection: sqlite3.Connection, dashboard: str, title: str) -> list[tuple[Any, ...]]:
    """The rows that SQLite counts for a panel; a percentile is a text ``low…high``."""
    connection.create_aggregate("around", 2, _Around)  # type: ignore[arg-type]
    return connection.execute(COUNTED[dashboard, title]).fetchall()
