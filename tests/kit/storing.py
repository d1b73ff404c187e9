"""Events to store, one forwarding of them, and the look at a SQLite sink's file from outside."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dms_events import Bus, Forwarder, OutgoingMessage, Stats, Subscription
from dms_events.sink import Sink
from dms_events.types.elk_stats import ServiceCall

__all__ = [
    "adds_up",
    "call",
    "count_in",
    "forward",
    "ids_in",
    "ids_of",
    "more_than",
    "prepared",
    "query",
    "tally_in",
    "until_settled",
]


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the file, read with none of the code under test."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def count_in(database: Path) -> int:
    """How many documents the file holds; 0 where the sink has not made it, or its table, yet."""
    try:
        [(count,)] = query(database, "SELECT count(*) FROM documents")
    except sqlite3.OperationalError:
        return 0
    return int(count)


def ids_in(database: Path) -> list[str]:
    """The ids of all documents, sorted; an id that was stored twice stands there twice."""
    rows = query(database, "SELECT json_extract(body, '$.event.id'), id FROM documents")
    assert all(inner == outer for inner, outer in rows)
    return sorted(inner for inner, _ in rows)


def more_than(database: Path, count: int) -> Callable[[], bool]:
    """The condition that the file holds more than ``count`` documents."""
    return lambda: count_in(database) > count


def call(number: int, status: str = "finished") -> ServiceCall:
    """One of many calls that are told apart by their number."""
    return ServiceCall(
        call_id=float(number),
        peer_id_of_service_host=f"host-{number % 7}",
        service_id=f"service-{number % 11}",
        cpu_used=1.5,
        max_ram=2048.0,
        memory_used=0.25 * number,
        network_bw_used=0.0,
        time_taken=12.0,
        status=status,
        amount_of_ntx=number % 100,
        timestamp=1_795_460_123.0 + number,
    )


def prepared(bus: Bus, count: int, first: int = 0) -> list[OutgoingMessage]:
    """Calls with their identities, ready to publish."""
    return [bus.prepare(call(number)) for number in range(first, first + count)]


def ids_of(messages: Iterable[OutgoingMessage]) -> list[str]:
    """Their identities, sorted."""
    return sorted(message.id for message in messages)


async def forward(bus: Bus, sink: Sink, durable: str = "sink") -> Stats:
    """Move everything that is there into an open sink."""
    forwarder = Forwarder(bus, sink, durable=durable)
    forwarder.drain()
    async with asyncio.timeout(30):
        return await forwarder.run()


def tally_in(text: str) -> Any:
    """The figures that ``dms-events sink run --json`` printed, by name."""
    return SimpleNamespace(**json.loads(text))


def adds_up(tally: Any) -> bool:
    """Whether everything received went one of the ways that are counted."""
    parts = (
        tally.stored,
        tally.duplicates,
        tally.unsure,
        tally.redelivered,
        tally.rejected,
        tally.undecodable,
        tally.returned,
        tally.for_others,
    )
    return bool(tally.received == sum(parts))


async def until_settled(messages: Subscription[Any]) -> None:
    """Wait until the broker knows that all is settled, which it does some time after it was told."""
    async with asyncio.timeout(10):
        while await messages.backlog():  # noqa: ASYNC110 - only the broker knows
            await asyncio.sleep(0.01)
