"""Backfill: the documents of one sink into another."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Final

from ..aio import set_within, task_group
from ..quiet import Notice
from ..sink import Document, ReadableSink, Sink, SinkVerdict, Verdict, in_batches
from .document_writer import DocumentWriter, limits_of
from .outcome import done_of
from .stats import Stats

__all__ = ["Backfill"]

_LATER_S: Final = 1.0
_MOST_LATER_BYTES: Final = 32 << 20
"""Documents for later that are kept; then nothing more is read until the sink took some of them."""


class Backfill:
    """Carries the documents of one sink into another. It may be run again at any time.

    A sink that knows identities stores each document once, so a run that was interrupted is begun again
    from the first document. While the sink takes nothing, the backfill waits.

        backfill = Backfill(SqliteSink("sqlite:events.db"), elasticsearch)
        await backfill.run()

    Args:
        source: need not be open.
        sink: an open sink.
        batch: most documents in one write; the sink may ask for less.
        batch_bytes: a batch with so many bytes is complete, however few its documents are.
        writes: batches that may be with the sink at a time; the sink may ask for less.
        rejected: an open sink, which gets the documents that the other one refuses for good.
        give_up_s: how long the sink may take nothing; then `run` ends with an error. None for any time.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(
        self,
        source: ReadableSink,
        sink: Sink,
        *,
        batch: int = 1000,
        batch_bytes: int = 8 << 20,
        writes: int = 2,
        rejected: Sink | None = None,
        give_up_s: float | None = None,
    ) -> None:
        most = limits_of(batch, batch_bytes, writes)
        self.stats = Stats()
        self.complete = False
        """True after a run that carried all documents."""
        self._source = source
        self._rejected = rejected
        self._refusals = Notice("%d documents were refused: %s")
        self._stopping = asyncio.Event()
        self._writer = DocumentWriter(sink, most, self.stats, self._stopping, give_up_s=give_up_s)
        self._later: deque[Document] = deque()
        self._later_bytes = 0
        self._later_due_s = 0.0
        self._running: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Make `run` finish the writes that are under way and return."""
        self._stopping.set()

    async def run(self) -> Stats:
        """Carry all documents, or those until `stop`; return the figures.

        Raises:
            SinkBrokenError: one of the sinks has to be mended, or it took nothing for ``give_up_s``.
            SinkError: the source cannot be read, or the sink for refused documents takes none.
        """
        async with task_group() as tasks:
            async for batch in in_batches(self._source.documents(), self._writer.pace):
                await self._begin(tasks, batch)
                while self._later_bytes >= _MOST_LATER_BYTES and not self._stopping.is_set():
                    await self._retry(tasks)
                if self._stopping.is_set():
                    break
            await self._finish()
            while self._later and not self._stopping.is_set():
                await self._retry(tasks)
                await self._finish()
            self.complete = not self._stopping.is_set()
        return self.stats

    async def _begin(self, tasks: asyncio.TaskGroup, batch: list[Document]) -> None:
        """Begin to write a batch, once there is room for one more write."""
        while len(self._running) >= self._writer.pace().writes:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        task = tasks.create_task(self._write(batch))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _finish(self) -> None:
        while self._running:
            await asyncio.wait(self._running)

    async def _retry(self, tasks: asyncio.TaskGroup) -> None:
        """Write a batch of the documents for later, once they have waited."""
        await set_within(self._stopping, max(0.0, self._later_due_s - monotonic()))
        count = min(self._writer.pace().batch, len(self._later))
        batch = [self._later.popleft() for _ in range(count)]
        self._later_bytes -= sum(len(document.body) for document in batch)
        await self._begin(tasks, batch)

    async def _write(self, documents: list[Document]) -> None:
        verdicts = await self._writer.write(documents)
        refused = [
            document
            for document, verdict in zip(documents, verdicts, strict=True)
            if verdict is not None and verdict.verdict is Verdict.REJECTED
        ]
        if refused and self._rejected is not None:
            await self._rejected.write(refused)
        for document, verdict in zip(documents, verdicts, strict=True):
            if verdict is not None:
                self._count(document, verdict)

    def _count(self, document: Document, verdict: SinkVerdict) -> None:
        stats, name = self.stats, document.type_name
        if (done := done_of(verdict)) is not None:
            stats.counts_of(done)[name] += 1
        elif verdict.verdict is Verdict.REJECTED:
            stats.rejected_by_type[name] += 1
            self._refusals.add(verdict.reason)
        else:
            stats.again_by_type[name] += 1
            self._later.append(document)
            self._later_bytes += len(document.body)
            self._later_due_s = monotonic() + _LATER_S
