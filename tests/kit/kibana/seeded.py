"""Events of a fleet in both sinks, and tables of the SQLite one to count with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

import dms_events
from dms_events import Forwarder
from dms_events.demo.fleet import fleet
from dms_events.types.elk_stats import DeviceStatusChange, NtxPayment, ServiceStatus

__all__ = ["DAYS", "END", "SLOT_MS", "START", "connected", "store"]

END = datetime(2026, 11, 20, tzinfo=UTC)
DAYS = 6
START = END - timedelta(days=DAYS)
SLOT_MS = 3 * 3600 * 1000
_EVENTS = 4000

# Counted with none of the code under test: the outcome is told from the DMS's words again.
_TABLES = f"""
CREATE TEMP TABLE events AS SELECT
    CAST(round((julianday(substr(time, 1, 19)) - 2440587.5) * 86400) AS INTEGER) * 1000
        + CAST(substr(time, 21, 3) AS INTEGER) AS at,
    substr(type, 11) AS type,
    json_extract(body, '$.event.dataset') AS dataset,
    substr(json_extract(body, '$.dms.peer_id'), -10) AS peer,
    json_extract(body, '$.dms.call_key') AS call,
    json_extract(body, '$.PeerID') AS peer_id,
    json_extract(body, '$.ServiceID') AS service,
    json_extract(body, '$.Status') AS status,
    CASE ifnull(json_extract(body, '$.SuccessFailStatus'), json_extract(body, '$.Status'))
        WHEN 'success' THEN 'success' WHEN 'finished without errors' THEN 'success'
        WHEN 'fail' THEN 'failure' WHEN 'finished with errors' THEN 'failure'
        ELSE 'unknown' END AS outcome,
    json_extract(body, '$.AmountOfNtx') AS ntx,
    json_extract(body, '$.CPU') AS cpu, json_extract(body, '$.RAM') AS ram,
    json_extract(body, '$.ChangedAttributeAndValue.CPU') AS cpu_now,
    json_extract(body, '$.ChangedAttributeAndValue.RAM') AS ram_now,
    json_extract(body, '$.TimeTaken') AS seconds,
    json_extract(body, '$.CPUUsed') AS cpu_used, json_extract(body, '$.MemoryUsed') AS memory_used
FROM documents;
ALTER TABLE temp.events ADD COLUMN slot INTEGER;
UPDATE temp.events SET slot = at / {SLOT_MS} * {SLOT_MS};
CREATE TEMP VIEW onboarded AS SELECT * FROM events WHERE type = 'NewDeviceOnboarded';
CREATE TEMP VIEW changes AS SELECT * FROM events
    WHERE type IN ('DeviceResourceChange', 'DeviceResourceConfig');
CREATE TEMP VIEW device_statuses AS SELECT * FROM events WHERE type = 'DeviceStatusChange';
CREATE TEMP VIEW offline AS SELECT * FROM device_statuses WHERE status = 'offline';
CREATE TEMP VIEW calls AS SELECT * FROM events WHERE type = 'ServiceCall';
CREATE TEMP VIEW reports AS SELECT * FROM events WHERE type IN ('ServiceCall', 'ServiceStatus');
CREATE TEMP VIEW ended AS SELECT * FROM events
    WHERE type = 'ServiceStatus' AND outcome <> 'unknown';
CREATE TEMP VIEW failed AS SELECT * FROM ended WHERE outcome = 'failure';
CREATE TEMP VIEW payments AS SELECT * FROM events WHERE type = 'NtxPayment';
CREATE TEMP VIEW paid AS SELECT * FROM payments WHERE outcome = 'success';
CREATE TEMP VIEW not_paid AS SELECT * FROM payments WHERE outcome = 'failure';
"""


async def store(database: Path, elasticsearch: str) -> None:
    """Publish the fleet's events on a bus in memory, and forward them into both sinks."""
    async with (
        dms_events.sink_for(f"sqlite:{database}") as sqlite,
        dms_events.sink_for(elasticsearch) as other,
        dms_events.connect("memory://") as bus,
    ):
        await bus.publish_many(
            bus.prepare(event, source=source, time=time) for time, source, event in _events()
        )
        for forwarder in Forwarder(bus, sqlite, durable="a"), Forwarder(bus, other, durable="b"):
            forwarder.drain()
            stats = await forwarder.run()
            assert stats.handled == stats.received, stats


def connected(database: Path) -> sqlite3.Connection:
    """The database with a table of all events, and one for each kind that the dashboards count."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    connection.executescript(_TABLES)
    return connection


def _events() -> Iterator[tuple[datetime, str, msgspec.Struct]]:
    planned = list(fleet(devices=25, events=_EVENTS, seed=7, end=END, days=DAYS))
    yield from ((one.time, one.source, one.event) for one in planned)
    # Words that the DMS does not use, which a fleet of another release may send.
    strange = planned[_EVENTS // 2]
    at = strange.time.timestamp()
    yield (
        strange.time,
        strange.source,
        DeviceStatusChange(peer_id=strange.source, status="asleep", timestamp=at),
    )
    yield (
        strange.time,
        strange.source,
        ServiceStatus(
            call_id=1.0,
            peer_id_of_service_host=strange.source,
            service_id="strange",
            status="paused",
            timestamp=at,
        ),
    )
    yield (
        strange.time,
        strange.source,
        NtxPayment(
            call_id=1.0,
            service_id="strange",
            amount_of_ntx=5,
            peer_id=strange.source,
            success_fail_status="held",
            timestamp=at,
        ),
    )
