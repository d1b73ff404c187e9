"""A sink that follows a script, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import msgspec

from dms_events import SinkError
from dms_events.sink import Document, Sink, SinkVerdict, Verdict

__all__ = ["Lines", "ScriptedSink"]


class Lines(msgspec.Struct, frozen=True):
    """What the sink says about one document: "not now" some times, then its verdict."""

    verdict: Verdict
    retries: int = 0


async def _nothing() -> None:
    return


class ScriptedSink(Sink):
    """Really keeps documents, each id once; refuses what its script says.

    ``broken_calls`` are numbers of writes (from 0) that raise SinkError, after half of the batch was
    stored in truth where ``stores_half`` is set.
    """

    def __init__(
        self,
        script: Mapping[str, Lines] | None = None,
        *,
        broken_calls: Collection[int] = (),
        stores_half: bool = False,
        before: Callable[[], Awaitable[None]] = _nothing,
        write_s: float = 0.0,
    ) -> None:
        self.script = dict(script or {})
        self._broken_calls = frozenset(broken_calls)
        self._stores_half = stores_half
        self._before = before
        self._write_s = write_s
        self._refusals: Counter[str] = Counter()
        self.kept = {id for id, lines in self.script.items() if lines.verdict is Verdict.DUPLICATE}
        self.documents: dict[str, Document] = {}
        self.final: dict[str, Verdict] = {}
        self.asked_again: list[str] = []
        self.batches: list[int] = []
        self.busy = self.most_busy = self.asked = 0

    async def open(self) -> None:
        return

    async def close(self) -> None:
        return

    async def count(self) -> dict[str, int]:
        return Counter(document.type_name for document in self.documents.values())

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        self.asked += 1
        await self._before()
        number = len(self.batches)
        self.batches.append(len(batch))
        self.asked_again += [document.id for document in batch if document.id in self.final]
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await asyncio.sleep(self._write_s)
        finally:
            self.busy -= 1
        if number in self._broken_calls:
            if self._stores_half:
                for document in batch[::2]:
                    if self._lines(document.id).verdict is Verdict.STORED:
                        self._keep(document)
            raise SinkError("the connection to the sink broke")
        return [self._judge(document) for document in batch]

    def _lines(self, id: str) -> Lines:
        return self.script.get(id, Lines(Verdict.STORED))

    def _keep(self, document: Document) -> None:
        self.kept.add(document.id)
        self.documents[document.id] = document

    def _judge(self, document: Document) -> SinkVerdict:
        lines = self._lines(document.id)
        if self._refusals[document.id] < lines.retries:
            self._refusals[document.id] += 1
            return SinkVerdict(Verdict.RETRY, "overloaded")
        if lines.verdict is Verdict.REJECTED:
            verdict = Verdict.REJECTED
        elif document.id in self.kept:
            verdict = Verdict.DUPLICATE
        else:
            verdict = Verdict.STORED
            self._keep(document)
        self.final[document.id] = verdict
        return SinkVerdict(verdict, "the mapping refuses it" if verdict is Verdict.REJECTED else "")
