"""Somebody who deletes, doubles and alters documents behind a sink's back, and adds some."""

from __future__ import annotations

import json
import random
import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.kit.servers.elasticsearch import call, send_lines

__all__ = ["ElasticsearchStore", "SqliteStore", "Store", "Tampered", "tamper"]


class Tampered(NamedTuple):
    """The ids that were tampered with."""

    missing: set[str]
    doubled: set[str]
    surplus: set[str]
    altered: set[str]


class Store(ABC):
    """A store, reached with none of the code under test."""

    can_double = True

    @abstractmethod
    def ids(self) -> list[str]:
        """All ids, sorted."""

    @abstractmethod
    def delete(self, ids: set[str]) -> None:
        """Delete documents."""

    @abstractmethod
    def alter(self, ids: set[str]) -> None:
        """Give each document another peer, and take a field away."""

    @abstractmethod
    def double(self, ids: set[str]) -> None:
        """Store each document a second time, in another month."""

    @abstractmethod
    def add(self, ids: set[str]) -> None:
        """Store documents of now which no event gave."""


def tamper(store: Store, count: int, seed: int) -> Tampered:
    """Tamper with so many documents in each way, at random."""
    chosen = random.Random(seed).sample(store.ids(), 3 * count)
    parts = [set(chosen[n * count : (n + 1) * count]) for n in range(3)]
    surplus = {f"surplus-{number}" for number in range(count)}
    deleted, doubled, altered = parts
    store.delete(deleted)
    store.alter(altered)
    store.add(surplus)
    if store.can_double:
        store.double(doubled)
    else:
        doubled = set()
    return Tampered(deleted, doubled, surplus, altered)


def _altered(body: dict[str, Any]) -> dict[str, Any]:
    body["dms"]["peer_id"] = "somebody else"
    del body["dms"]["peer_short"]
    return body


class SqliteStore(Store):
    """A file; it keeps each id once."""

    can_double = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def _execute(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            connection.executemany(sql, rows)

    def _rows(self) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self._path)) as connection:
            found = connection.execute("SELECT id, type, index_name, body FROM documents")
            return found.fetchall()

    def ids(self) -> list[str]:
        return sorted(row[0] for row in self._rows())

    def delete(self, ids: set[str]) -> None:
        self._execute("DELETE FROM documents WHERE id = ?", [(id,) for id in ids])

    def alter(self, ids: set[str]) -> None:
        rows = [
            (json.dumps(_altered(json.loads(body))), id)
            for id, _, _, body in self._rows()
            if id in ids
        ]
        self._execute("UPDATE documents SET body = ? WHERE id = ?", rows)

    def double(self, ids: set[str]) -> None:
        raise NotImplementedError

    def add(self, ids: set[str]) -> None:
        _, type_, index, body = self._rows()[0]
        rows = [(id, type_, datetime.now(UTC).isoformat(), index, body) for id in ids]
        self._execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", rows)


class ElasticsearchStore(Store):
    """All indices of the prefix ``dms``."""

    def __init__(self, url: str) -> None:
        self._url = url

    def _hits(self, ids: set[str] | None = None) -> list[dict[str, Any]]:
        call(f"{self._url}/dms-*/_refresh", "POST")
        query = {"match_all": {}} if ids is None else {"ids": {"values": list(ids)}}
        asked = {"size": 10_000, "query": query, "_source": ids is not None, "sort": ["event.id"]}
        hits: list[dict[str, Any]] = []
        after: list[Any] = []
        while page := call(
            f"{self._url}/dms-*/_search", "POST", asked | ({"search_after": after} if after else {})
        )["hits"]["hits"]:
            hits += page
            after = page[-1]["sort"]
        return hits

    def _bulk(self, actions: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
        lines = [json.dumps(part) for action in actions for part in action if part is not None]
        assert not send_lines(f"{self._url}/_bulk?refresh=true", lines)["errors"]

    def ids(self) -> list[str]:
        return sorted(hit["_id"] for hit in self._hits())

    def delete(self, ids: set[str]) -> None:
        self._bulk([({"delete": _place(hit)}, None) for hit in self._hits(ids)])

    def alter(self, ids: set[str]) -> None:
        self._bulk([({"index": _place(hit)}, _altered(hit["_source"])) for hit in self._hits(ids)])

    def double(self, ids: set[str]) -> None:
        self._bulk(
            [
                (
                    {"index": {"_index": f"{hit['_index'][:-7]}2025.12", "_id": hit["_id"]}},
                    hit["_source"],
                )
                for hit in self._hits(ids)
            ]
        )

    def add(self, ids: set[str]) -> None:
        first = self._hits()[0]
        [hit] = self._hits({first["_id"]})
        body = hit["_source"] | {"@timestamp": datetime.now(UTC).isoformat()}
        self._bulk([({"index": {"_index": hit["_index"], "_id": id}}, body) for id in ids])


def _place(hit: dict[str, Any]) -> dict[str, str]:
    return {"_index": hit["_index"], "_id": hit["_id"]}
