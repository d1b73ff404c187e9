"""The store that commit 850eeb0 wrote: `tests/fixtures/stored_by_850eeb0`, and its README."""

from __future__ import annotations

import asyncio
import json
import shutil
import tarfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import nats

import dms_events
from dms_events import Bus, Forwarder, Stats
from dms_events_nats import NatsServer

from .paths import TESTS
from .servers.elasticsearch import call
from .storing import query

__all__ = [
    "MANIFEST",
    "NOTES",
    "STORED",
    "Attempts",
    "Durable",
    "Event",
    "Kept",
    "Note",
    "documents",
    "forward_to",
    "in_elasticsearch",
    "in_sqlite",
    "noted",
    "served",
    "sqlite_file",
]

STORED = TESTS / "fixtures" / "stored_by_850eeb0"


class Event(msgspec.Struct, frozen=True):
    """An event as it was read then."""

    root: str
    sequence: int
    subject: str
    undecodable: bool = False
    id: str = ""
    id_from: Literal["envelope", "header", "place", ""] = ""
    source: str = ""
    type: str = ""
    time: str = ""
    stored_ns: int = 0
    trace_parent: str = ""
    fields: dict[str, Any] = {}


class Durable(msgspec.Struct, frozen=True):
    """What a durable had settled, and what it had not: sequences."""

    root: str
    name: str
    types: list[str]
    settled: list[int]
    left: list[int]


class Attempts(msgspec.Struct, frozen=True):
    """What a message had spent of its attempts at a durable."""

    durable: str
    id: str
    spent: int
    allowed: int


class Note(msgspec.Struct, frozen=True):
    """What a reader had noted."""

    bucket: str
    key: str
    value: bytes


class Manifest(msgspec.Struct, frozen=True):
    """What is in the store."""

    events: list[Event]
    letters: list[dict[str, Any]]
    durables: list[Durable]
    attempts: list[Attempts]

    def of(self, root: str) -> dict[int, Event]:
        """The events of a root by sequence."""
        return {event.sequence: event for event in self.events if event.root == root}

    def readable(self, root: str, sequences: list[int]) -> list[int]:
        """Those of the sequences whose event can be read."""
        return [number for number in sequences if not self.of(root)[number].undecodable]

    def durable(self, name: str) -> Durable:
        """A durable by its name."""
        [found] = [durable for durable in self.durables if durable.name == name]
        return found


MANIFEST = msgspec.json.decode((STORED / "manifest.json").read_bytes(), type=Manifest)
NOTES = msgspec.json.decode((STORED / "notes.json").read_bytes(), type=list[Note])


_TOLD_LATER = {"source_from", "peer_short", "claimed_source", "extra"}


class Kept(msgspec.Struct, frozen=True):
    """A document as a sink keeps it, without the time of writing."""

    id: str
    """The ID of its event."""
    key: str
    """Its ``_id``."""
    index: str
    body: dict[str, Any]

    @property
    def rest(self) -> str:
        """All but the identity, with keys in their order and numbers as they are written.

        Without what that release did not tell, too.
        """
        event, dms = (
            {key: value for key, value in self.body[part].items() if key not in left_out}
            for part, left_out in (("event", {"id", "outcome"}), ("dms", _TOLD_LATER))
        )
        return json.dumps([self.index, {**self.body, "event": event, "dms": dms}])


def documents() -> dict[tuple[str, int], Kept]:
    """The documents of that time, by root and sequence of their events."""
    return {
        (kept["root"], kept["sequence"]): _kept(kept["_id"], kept["_index"], kept["body"])
        for kept in json.loads((STORED / "elasticsearch.json").read_text())
    }


def sqlite_file(folder: Path) -> Path:
    """A copy of the SQLite sink's file."""
    return Path(shutil.copy(STORED / "sqlite.db", folder))


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """A server on a copy of the store, with the notes in their buckets; its URL."""
    store = folder / "nats"
    with tarfile.open(STORED / "jetstream.tar.gz") as archive:
        archive.extractall(store, filter="data")
    async with NatsServer(store) as server:
        await _put_notes(server.url)
        yield server.url


async def _put_notes(url: str) -> None:
    async with await nats.connect(url) as client:
        for note in NOTES:
            bucket = await client.jetstream().key_value(note.bucket)
            await bucket.put(note.key, note.value)


async def noted(url: str, note: Note) -> bytes:
    """What is noted today in the place of a note."""
    async with await nats.connect(url) as client:
        bucket = await client.jetstream().key_value(note.bucket)
        return (await bucket.get(note.key)).value or b""


def in_sqlite(database: Path) -> list[Kept]:
    """What a SQLite sink keeps now."""
    rows = query(database, "SELECT id, index_name, body FROM documents")
    return [_kept(id, index, json.loads(body)) for id, index, body in rows]


def in_elasticsearch(url: str) -> list[Kept]:
    """What an Elasticsearch keeps now."""
    call(f"{url}/dms-*/_refresh", "POST")
    hits = call(f"{url}/dms-*/_search?size=1000")["hits"]["hits"]
    return [_kept(hit["_id"], hit["_index"], hit["_source"]) for hit in hits]


def _kept(key: str, index: str, body: dict[str, Any]) -> Kept:
    """A document without the time of writing; its body names the ID of its event."""
    body["event"].pop("ingested", None)
    return Kept(body["event"]["id"], key, index, body)


async def forward_to(bus: Bus, to: Path | str, durable: str, wanted: Collection[str]) -> Stats:
    """Move all that is there into a SQLite file, or into the sink at a URL."""
    async with dms_events.sink_for(f"sqlite:{to}" if isinstance(to, Path) else to) as sink:
        forwarder = Forwarder(bus, sink, durable=durable, wanted=wanted)
        forwarder.drain()
        async with asyncio.timeout(30):
            return await forwarder.run()
