"""An audit: every event that a stream holds against every document of a sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Final, Self

from .. import registry
from ..bus import Bus, Message
from ..identity import id_of_document
from ..sink import Document, Inventory, documents_of
from ..transport import (
    OutgoingMessage,
    StreamPosition,
    SupportsDeadLetters,
    SupportsPosition,
    needed,
)
from .comparison import differing_fields, digest_of
from .findings import Finding, Reason, Summary
from .scratch import Row, Scratch
from .stream import StreamReading, is_for_another

__all__ = ["Audit"]

_FIND: Final = 100
_SKEW_MS: Final = 60_000
"""The clocks of publishers, broker and sink may differ by so much where a stream drops old messages."""


class Audit:
    """Compares a stream with a sink, each of which is read once; in ``async with``.

    The memory does not grow with them: the ids of the sink are kept in a temporary file, of about 100
    bytes each. Nothing is changed, and no durable is touched.

    Args:
        bus: open; its transport tells positions (`SupportsPosition`).
        inventory: open.
        durable: the durable of the sink.
        patterns: types, or patterns of types, that the sink stores.
        trust: the roots that the sink trusts, as for `documents_of`; only ``deep`` needs them.
        deep: compare the documents, too, and not only their ids.
        progress: called with a text now and then.
    """

    def __init__(
        self,
        bus: Bus,
        inventory: Inventory,
        *,
        durable: str,
        patterns: Sequence[str],
        trust: Sequence[str] = (),
        deep: bool = False,
        progress: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._bus = bus
        self._inventory = inventory
        self._durable = durable
        self._patterns = patterns
        self._trust = trust
        self._deep = deep
        self._progress = progress
        self._scratch = Scratch()
        self._summary = Summary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._scratch.close()

    async def run(self) -> Summary:
        """Read the sink, then the stream, and look for the reasons of the differences.

        Raises:
            SinkError: the sink cannot be read.
            TransportError: the stream cannot be read.
            ConfigError: the transport stores nothing, or tells no positions.
        """
        await self._position()  # fails before the long reading
        await self._read_sink()
        # A document that is in the sink by now has a message up to this one.
        await self._read_stream((await self._position()).last)
        position = await self._position()
        await self._explain_missing(position)
        self._progress("looking for documents without an event")
        await asyncio.to_thread(self._scratch.find_surplus, _older_ms(position))
        await asyncio.to_thread(self._count)
        return self._summary

    def findings(self) -> Iterator[Finding]:
        """Yield the faults, after `run`."""
        return self._scratch.findings()

    async def _position(self) -> StreamPosition:
        return await needed(self._bus.transport, SupportsPosition).position(self._durable)

    async def _read_sink(self) -> None:
        types = sorted({name for one in self._patterns for name in registry.matching(one)})
        read = 0
        async with aclosing(self._inventory.documents(types, bodies=self._deep)) as pages:
            async for page in pages:
                self._scratch.add(page, deep=self._deep)
                read += len(page)
                self._progress(f"{read:,} documents of the sink")
        await asyncio.to_thread(self._scratch.sort)

    async def _read_stream(self, last: int) -> None:
        reading = StreamReading(self._bus, self._patterns, last)
        async with aclosing(reading.batches()) as batches:
            async for messages in batches:
                self._summary.messages += len(messages)
                await self._compare(messages)
                self._progress(f"message {messages[-1].sequence:,} of {last:,}")
        self._summary.unreadable = reading.unreadable

    async def _compare(self, messages: list[Message[Any]]) -> None:
        doubtful: dict[str, tuple[Document, list[Row]]] = {}
        documents = documents_of(messages, trust=self._trust)
        for message, document in zip(messages, documents, strict=True):
            if is_for_another(message, self._durable):
                self._summary.for_others += 1
                self._scratch.pass_over(document.id)
                continue
            rows = self._scratch.rows_of(document.id)
            if not rows:
                if self._scratch.miss(document, message.sequence):
                    self._summary.month(document.index).stream += 1
                continue
            if all(row.same is None for row in rows):
                self._summary.month(document.index).stream += 1
            digest = digest_of(document.body) if self._deep else None
            for row in rows:
                self._scratch.see(row.row, same=row.digest == digest)
            if others := [row for row in rows if row.digest != digest and not row.same]:
                doubtful[document.id] = document, others
            if len(doubtful) == _FIND:
                await self._compare_fields(doubtful)
                doubtful = {}
        if doubtful:
            await self._compare_fields(doubtful)

    async def _compare_fields(self, doubtful: dict[str, tuple[Document, list[Row]]]) -> None:
        for found in await self._inventory.find(list(doubtful), bodies=True):
            document, rows = doubtful[found.id]
            fields = differing_fields(document.body, found.body)
            row = next((row for row in rows if row.index == found.index), None)
            if fields and row is not None:
                self._scratch.alter(row.row, found, fields)

    async def _explain_missing(self, position: StreamPosition) -> None:
        durable = position.durable
        if durable is None:
            self._scratch.explain(Reason.NO_DURABLE)
            return
        self._progress("looking for missing documents")
        for ids in self._scratch.missing_ids(durable.delivered, _FIND):
            for found in await self._inventory.find(ids):
                if self._scratch.found(found.id):
                    self._summary.month(found.index).sink += 1
        await self._explain_types()
        self._scratch.explain(Reason.WAITING, "sequence > ?", (durable.delivered,))
        if durable.unsettled:
            self._scratch.explain(Reason.UNSETTLED, "sequence > ?", (durable.settled,))
        self._scratch.explain(Reason.ACKNOWLEDGED)
        if any(self._scratch.missing_ids(durable.delivered, 1)):
            async for letter in self._bus.dead_letters.find(reader=self._durable):
                id = id_of_document(letter.source, letter.id)
                self._scratch.explain_dead(id, f"{letter.error}: {letter.reason}")

    async def _explain_types(self) -> None:
        stored = needed(self._bus.transport, SupportsDeadLetters)
        for name in self._scratch.missing_types():
            message = OutgoingMessage("events", name, "", "", b"")
            if not await stored.readers(message, self._durable):
                self._scratch.explain(Reason.OTHER_TYPES, "type = ?", (name,))

    def _count(self) -> None:
        summary, reasons = self._summary, self._summary.reasons
        for index, _, count in self._scratch.counts("documents"):
            summary.month(index).sink += count
        for index, reason, count in self._scratch.counts("missing"):
            summary.month(index).missing += count
            reasons[Reason(reason)] = reasons.get(Reason(reason), 0) + count
        for indices, _, count in self._scratch.counts("doubled"):
            summary.month(min(indices.split())).doubled += count
        for index, older, count in self._scratch.counts("surplus"):
            month, reason = summary.month(index), Reason.OLDER if older else Reason.NOT_IN_STREAM
            if older:
                month.older += count
            else:
                month.surplus += count
            reasons[reason] = reasons.get(reason, 0) + count
        for index, _, count in self._scratch.counts("altered"):
            summary.month(index).altered += count


def _older_ms(position: StreamPosition) -> int | None:
    """Return the time before which documents are older than the stream, in ms; None for any time."""
    if position.first_ns is None:
        return None
    skew_ms = _SKEW_MS if position.first > 1 else 0
    return position.first_ns // 1_000_000 + skew_ms
