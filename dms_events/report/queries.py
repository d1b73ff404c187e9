"""The figures of the report, counted by SQLite: a few hundred rows for any number of documents.

Times are Unix seconds. A bucket is named by the second at which it begins.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

__all__ = [
    "CallBucket",
    "GrowthBucket",
    "PaymentBucket",
    "ServiceRow",
    "Services",
    "Span",
    "TypeRow",
    "calls",
    "growth",
    "payments",
    "services",
    "span_of",
    "top_services",
    "types",
]

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 7 * 86400
_STEPS = (
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    _DAY,
    _WEEK,
)
_MOST_BUCKETS = 84
# Unix time began on a Thursday; weeks begin on a Monday.
_MONDAY = 4 * _DAY


class TypeRow(NamedTuple):
    """The number of documents of a type, and the times of the first and the last event."""

    name: str
    documents: int
    first: int
    last: int


class Span(NamedTuple):
    """The time that the documents cover, cut into equal buckets."""

    start: int
    end: int
    step: int

    def bucket(self, second: int) -> int:
        """Return the start of the bucket that holds this second."""
        return (second - _MONDAY) // self.step * self.step + _MONDAY


class GrowthBucket(NamedTuple):
    """The devices and resources that a bucket's onboardings added; below 0 if devices now offer less."""

    start: int
    devices: int
    cpu_mhz: float
    ram_mb: float


class CallBucket(NamedTuple):
    """The calls that began in a bucket and whose last known status is this one."""

    start: int
    status: str
    calls: int


class PaymentBucket(NamedTuple):
    """The payments of a bucket that succeeded, or those that did not."""

    start: int
    success: bool
    payments: int
    ntx: int


class ServiceRow(NamedTuple):
    """The number of calls of a service; the name is empty if no NewService gave one."""

    service_id: str
    name: str
    calls: int


class Services(NamedTuple):
    """The number of registered services, and of those that were removed."""

    registered: int
    removed: int


def span_of(rows: list[TypeRow]) -> Span:
    """Return the span of these types' documents (at least one type) in at most some 80 buckets."""
    first, last = min(row.first for row in rows), max(row.last for row in rows)
    wanted = (last - first) // _MOST_BUCKETS + 1
    weeks = -(-wanted // _WEEK) * _WEEK
    step = next((step for step in _STEPS if step >= wanted), weeks)
    span = Span(first, last, step)
    return Span(span.bucket(first), span.bucket(last) + step, step)


# Seconds are read from the first 19 characters: SQLite may round a fraction up.
_TYPES = """
SELECT type, count(*), strftime('%s', substr(min(time), 1, 19)),
       strftime('%s', substr(max(time), 1, 19))
FROM documents GROUP BY type ORDER BY count(*) DESC, type
"""

_BUCKET = "(strftime('%s', substr({time}, 1, 19)) - :monday) / :step * :step + :monday"

_GROWTH = f"""
WITH offers AS (
    SELECT time, id, json_extract(body, '$.PeerID') AS peer,
           json_extract(body, '$.CPU') AS cpu, json_extract(body, '$.RAM') AS ram
    FROM documents WHERE type = 'elk_stats.NewDeviceOnboarded'
), changes AS (
    SELECT time, row_number() OVER device = 1 AS is_new,
           cpu - lag(cpu, 1, 0) OVER device AS cpu, ram - lag(ram, 1, 0) OVER device AS ram
    FROM offers WINDOW device AS (PARTITION BY peer ORDER BY time, id)
)
SELECT {_BUCKET.format(time="time")} AS bucket, sum(is_new), sum(cpu), sum(ram)
FROM changes GROUP BY bucket ORDER BY bucket
"""

# A call is identified by id, host and service. Its last report has the greatest `told`: the order is by
# time; at the same time (Go's float32 steps are 128 s) a ServiceStatus follows its ServiceCall, and later
# stored reports follow. A single max() makes SQLite take `status` from the row of the maximum.
_CALLS = """
WITH reports AS (
    SELECT type, time, json_extract(body, '$.CallID') AS call,
           json_extract(body, '$.PeerIDOfServiceHost') AS host,
           json_extract(body, '$.ServiceID') AS service,
           json_extract(body, '$.Status') AS status,
           time || type || ifnull(json_extract(body, '$.event.ingested'), '') AS told
    FROM documents WHERE type IN ('elk_stats.ServiceCall', 'elk_stats.ServiceStatus')
), began AS (
    SELECT call, host, service, min(time) AS time
    FROM reports WHERE type = 'elk_stats.ServiceCall' GROUP BY call, host, service
), ended AS (
    SELECT call, host, service, status, max(told) FROM reports GROUP BY call, host, service
)
"""

_CALLS_BY_STATUS = f"""{_CALLS}
SELECT {_BUCKET.format(time="began.time")} AS bucket, ended.status, count(*)
FROM began JOIN ended USING (call, host, service)
GROUP BY bucket, ended.status ORDER BY bucket, ended.status
"""

_PAYMENTS = f"""
SELECT {_BUCKET.format(time="time")} AS bucket,
       json_extract(body, '$.SuccessFailStatus') = 'success' AS success,
       count(*), sum(json_extract(body, '$.AmountOfNtx'))
FROM documents WHERE type = 'elk_stats.NtxPayment'
GROUP BY bucket, success ORDER BY bucket, success
"""

_TOP_SERVICES = """
WITH called AS (
    SELECT service, count(*) AS calls FROM (
        SELECT DISTINCT json_extract(body, '$.ServiceID') AS service,
               json_extract(body, '$.CallID'), json_extract(body, '$.PeerIDOfServiceHost')
        FROM documents WHERE type = 'elk_stats.ServiceCall'
    ) GROUP BY service ORDER BY calls DESC, service LIMIT :limit
), named AS (
    SELECT json_extract(body, '$.ServiceID') AS service,
           json_extract(body, '$.ServiceName') AS name, max(time)
    FROM documents WHERE type = 'elk_stats.NewService' GROUP BY service
)
SELECT service, coalesce(name, ''), calls FROM called LEFT JOIN named USING (service)
ORDER BY calls DESC, service
"""

_SERVICES = """
WITH registered AS (
    SELECT DISTINCT json_extract(body, '$.ServiceID') AS service
    FROM documents WHERE type = 'elk_stats.NewService'
)
SELECT count(*), count(removed.service) FROM registered LEFT JOIN (
    SELECT DISTINCT json_extract(body, '$.ServiceID') AS service
    FROM documents WHERE type = 'elk_stats.ServiceRemove'
) AS removed USING (service)
"""


def types(connection: sqlite3.Connection) -> list[TypeRow]:
    """Return the documents per type, the most frequent type first."""
    rows = connection.execute(_TYPES)
    return [
        TypeRow(name, documents, int(first), int(last)) for name, documents, first, last in rows
    ]


def growth(connection: sqlite3.Connection, span: Span) -> list[GrowthBucket]:
    """Return devices and their offers; a device that is onboarded again replaces its earlier offer."""
    return list(map(GrowthBucket._make, connection.execute(_GROWTH, _buckets(span))))


def calls(connection: sqlite3.Connection, span: Span) -> list[CallBucket]:
    """Return the number of service calls in each bucket of time, by their last known status."""
    return list(map(CallBucket._make, connection.execute(_CALLS_BY_STATUS, _buckets(span))))


def payments(connection: sqlite3.Connection, span: Span) -> list[PaymentBucket]:
    """Return the NTX payments in each bucket of time, the successful and the failed ones apart."""
    rows = connection.execute(_PAYMENTS, _buckets(span))
    return [PaymentBucket(start, bool(success), *rest) for start, success, *rest in rows]


def top_services(connection: sqlite3.Connection, limit: int) -> list[ServiceRow]:
    """Return the services with the most calls."""
    return list(map(ServiceRow._make, connection.execute(_TOP_SERVICES, {"limit": limit})))


def services(connection: sqlite3.Connection) -> Services:
    """Return the numbers of registered and removed services."""
    return Services(*connection.execute(_SERVICES).fetchone())


def _buckets(span: Span) -> dict[str, int]:
    return {"step": span.step, "monday": _MONDAY}
