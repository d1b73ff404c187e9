"""The ids of a sink on disk, in a SQLite file of the audit's own: sorted there in bounded memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from ..sink import Document, StoredDocument
from .comparison import digest_of
from .findings import FAULTS, Finding, Reason

__all__ = ["Row", "Scratch"]

_CACHE_KIB: Final = 16_384
_SCHEMA: Final = """
CREATE TABLE documents (row INTEGER PRIMARY KEY, id BLOB, place TEXT, oldest_ms INTEGER, digest BLOB);
CREATE TABLE seen (row INTEGER PRIMARY KEY, same INTEGER);
CREATE TABLE passed_over (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE missing (
    id BLOB PRIMARY KEY, place TEXT, sequence INTEGER, type TEXT, reason TEXT, detail TEXT DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX missing_by_sequence ON missing (sequence);
CREATE TABLE doubled (id BLOB, places TEXT);
CREATE TABLE surplus (id BLOB, place TEXT, older INTEGER);
CREATE TABLE altered (row INTEGER PRIMARY KEY, id BLOB, place TEXT, fields BLOB);
"""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A document of the sink: its row here, its digest, and the outcome of earlier comparisons."""

    row: int
    index: str
    digest: bytes | None
    same: int | None
    """None if no message had its id yet; 1 if a message gave the same document, else 0."""


class Scratch:
    """What an audit remembers. All of it is on disk, in a folder that `close` removes.

    The calls may be made in any thread, one at a time.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="dms-events-audit-")
        self._db = sqlite3.connect(
            Path(self._folder.name) / "scratch.db", isolation_level=None, check_same_thread=False
        )
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{_CACHE_KIB}; {_SCHEMA}"
        )
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Remove everything."""
        self._db.close()
        self._folder.cleanup()

    def add(self, documents: Iterable[StoredDocument], *, deep: bool) -> None:
        """Add documents of the sink."""
        self._db.executemany(
            "INSERT INTO documents (id, place, oldest_ms, digest) VALUES (?, ?, ?, ?)",
            (
                (_key(each.id), each.index, each.oldest_ms, digest_of(each.body) if deep else None)
                for each in documents
            ),
        )

    def sort(self) -> None:
        """Sort the documents by id, after the last was added."""
        self._db.execute("CREATE INDEX by_id ON documents (id, place)")
        self._db.execute(
            "INSERT INTO doubled SELECT id, group_concat(place, ' ') FROM documents GROUP BY id "
            "HAVING count(*) > 1"
        )

    def rows_of(self, id: str) -> list[Row]:
        """Return the documents of an id."""
        return [
            Row(*row)
            for row in self._db.execute(
                "SELECT row, place, digest, same FROM documents LEFT JOIN seen USING (row) WHERE id = ?",
                (_key(id),),
            )
        ]

    def see(self, row: int, *, same: bool) -> None:
        """Note that a message has the id of a document, and whether it gives the same document."""
        self._db.execute(
            "INSERT INTO seen VALUES (?, ?) "
            "ON CONFLICT (row) DO UPDATE SET same = max(same, excluded.same)",
            (row, same),
        )
        if same:
            self._db.execute("DELETE FROM altered WHERE row = ?", (row,))

    def pass_over(self, id: str) -> None:
        """Note an id that the stream has only for another reader."""
        self._db.execute("INSERT OR IGNORE INTO passed_over VALUES (?)", (_key(id),))

    def miss(self, document: Document, sequence: int) -> bool:
        """Note an event without a document. Returns False if it is noted already."""
        added = self._db.execute(
            "INSERT OR IGNORE INTO missing (id, place, sequence, type) VALUES (?, ?, ?, ?)",
            (_key(document.id), document.index, sequence, document.type_name),
        )
        return bool(added.rowcount)

    def missing_ids(self, upto: int, size: int) -> Iterator[list[str]]:
        """Yield the missing ids up to a sequence, in lists. They may be removed meanwhile."""
        after = 0
        sql = "SELECT id, sequence FROM missing WHERE sequence > ? AND sequence <= ? ORDER BY sequence"
        while rows := self._db.execute(f"{sql} LIMIT ?", (after, upto, size)).fetchall():
            after = rows[-1][1]
            yield [_text(id) for id, _ in rows]

    def missing_types(self) -> list[str]:
        """Return the types of the missing events."""
        return [name for (name,) in self._db.execute("SELECT DISTINCT type FROM missing")]

    def found(self, id: str) -> bool:
        """Note that a missing document is there now. Returns False if it is not noted as missing."""
        return bool(self._db.execute("DELETE FROM missing WHERE id = ?", (_key(id),)).rowcount)

    def explain(self, reason: Reason, where: str = "1", given: Sequence[Any] = ()) -> None:
        """Give a reason to those missing events that meet a condition and have none yet."""
        self._db.execute(
            f"UPDATE missing SET reason = ? WHERE reason IS NULL AND ({where})",
            (reason.value, *given),
        )

    def explain_dead(self, id: str, detail: str) -> None:
        """Give a missing event the reason that it is a dead letter."""
        self._db.execute(
            "UPDATE missing SET reason = ?, detail = ? WHERE id = ?",
            (Reason.DEAD_LETTER.value, detail, _key(id)),
        )

    def alter(self, row: int, found: StoredDocument, fields: dict[str, tuple[str, str]]) -> None:
        """Note a document that differs from its event, unless another message gives the same one."""
        self._db.execute(
            "INSERT OR REPLACE INTO altered SELECT ?1, ?2, ?3, ?4 "
            "WHERE NOT EXISTS (SELECT 1 FROM seen WHERE row = ?1 AND same)",
            (row, _key(found.id), found.index, msgspec.json.encode(fields)),
        )

    def find_surplus(self, older_ms: int | None) -> None:
        """Note the documents without a message. Those from before ``older_ms`` are older; None: all."""
        self._db.execute(
            "INSERT INTO surplus SELECT id, place, ?1 IS NULL OR ifnull(oldest_ms < ?1, 0) "
            "FROM documents WHERE row NOT IN (SELECT row FROM seen) "
            "AND id NOT IN (SELECT id FROM passed_over)",
            (older_ms,),
        )

    def counts(self, what: str) -> list[tuple[Any, ...]]:
        """Return ``(index, reason or older, count)`` of a table."""
        sql = {
            "documents": "SELECT place, '', count(*) FROM documents GROUP BY place",
            "missing": "SELECT place, reason, count(*) FROM missing GROUP BY place, reason",
            "doubled": "SELECT places, '', count(*) FROM doubled GROUP BY places",
            "surplus": "SELECT place, older, count(*) FROM surplus GROUP BY place, older",
            "altered": "SELECT place, '', count(*) FROM altered GROUP BY place",
        }[what]
        return self._db.execute(sql).fetchall()

    def findings(self) -> Iterator[Finding]:
        """Yield the faults, one kind after the other."""
        faults = [reason.value for reason in FAULTS]
        marks = ",".join("?" * len(faults))
        for id, place, sequence, reason, detail in self._db.execute(
            "SELECT id, place, sequence, reason, detail FROM missing "
            f"WHERE reason IN ({marks}) ORDER BY sequence",
            faults,
        ):
            yield Finding(
                kind="missing",
                id=_text(id),
                indices=(place,),
                reason=Reason(reason),
                sequence=sequence,
                detail=detail,
            )
        for id, places in self._db.execute("SELECT id, places FROM doubled"):
            yield Finding(kind="doubled", id=_text(id), indices=tuple(sorted(places.split())))
        for id, place in self._db.execute("SELECT id, place FROM surplus WHERE NOT older"):
            yield Finding(
                kind="surplus", id=_text(id), indices=(place,), reason=Reason.NOT_IN_STREAM
            )
        for id, place, fields in self._db.execute("SELECT id, place, fields FROM altered"):
            yield Finding(
                kind="altered",
                id=_text(id),
                indices=(place,),
                fields=msgspec.json.decode(fields, type=dict[str, tuple[str, str]]),
            )


def _key(id: str) -> bytes:
    """Return an id as bytes: it may have a lone surrogate, which SQLite takes in no text."""
    return id.encode(errors="surrogatepass")


def _text(key: bytes) -> str:
    """Return an id as text that every store and every output takes."""
    return key.decode(errors="backslashreplace")
