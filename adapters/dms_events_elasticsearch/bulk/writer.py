"""The way of a batch: split into requests, each sent and judged, made smaller where that helps."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import NoReturn

import msgspec

from dms_events.errors import SinkError
from dms_events.sink import Document, Pace, SinkUnavailableError, SinkVerdict, Verdict

from .encode import encode, halves, split
from .flow import Flow
from .judge import Judge, Judged
from .limit import RequestLimit
from .lost import LostAnswers
from .send import Failure, Sender, SendError

__all__ = ["BulkWriter"]

_CLOSED_S = 0.1
_SMALL_BYTES = 64 << 10
"""A connection that breaks for a request below this size need not break for its size."""
_MEMORY = ("_bytes=", "circuit_breaking_exception")
"""In the reason of an overload: the server was short of memory, not of places in a queue."""


class _Work:
    """The state of one batch."""

    def __init__(self, batch: Sequence[Document]) -> None:
        self.batch = batch
        self.verdicts: list[SinkVerdict | None] = [None] * len(batch)
        self.waiting: deque[Sequence[int]] = deque()
        """Positions in the batch, by request."""
        self.passed = False
        """True if a request of this batch got through."""
        self.broke_bytes = 0
        """Size of the smallest request for which the connection broke."""
        self.postponed = False
        """True if a small document for which the connection broke was put behind all others."""

    def documents(self, positions: Sequence[int]) -> Sequence[Document]:
        if len(positions) == len(self.batch):
            return self.batch
        return [self.batch[position] for position in positions]

    def divide(self, positions: Sequence[int]) -> None:
        self.waiting.extendleft(reversed(halves(positions)))


class BulkWriter:
    """Writes batches, several at a time, and learns how much the server takes at a time.

    Args:
        most_bytes: most bytes in one request; a larger document travels alone.
        closed_passes: whether documents wait until a closed index is opened; if not, they are rejected.
    """

    def __init__(self, sender: Sender, *, most_bytes: int, closed_passes: bool) -> None:
        self._sender = sender
        self._limit = RequestLimit(most_bytes)
        self._flow = Flow()
        self._lost = LostAnswers()
        self._judge = Judge(self._lost, closed_passes=closed_passes)
        self._most_documents = 1

    def pace(self, most: Pace) -> Pace:
        """Return how much to write at a time, within the caller's limits."""
        self._most_documents = most.batch
        flow = self._flow
        return msgspec.structs.replace(
            most, batch=flow.batch(most.batch), writes=flow.writes(most.writes)
        )

    async def answers(self) -> bool:
        """True if the server answers a small question."""
        return await self._sender.answers()

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        """Return one verdict for each document, in order.

        Raises:
            SinkUnavailableError: the server takes nothing now, or has no room for some documents. The
                error has all verdicts that are known.
        """
        work = _Work(batch)
        self._split(work, range(len(batch)))
        while work.waiting:
            positions = work.waiting.popleft()
            documents = work.documents(positions)
            body = encode(documents)
            began = monotonic()
            try:
                answer = await self._sender.send(body)
            except SendError as error:
                if error.unsure:
                    self._lost.add(documents)
                await self._failed(work, positions, len(body), began, error)
            else:
                self._got_through(work, len(body))
                self._answered(work, positions, documents, answer, began)
        return [verdict for verdict in work.verdicts if verdict is not None]

    def _split(self, work: _Work, *groups: Sequence[int]) -> None:
        """Have the positions of each group sent next, and split all that waits by the present limits.

        No request has positions of two groups, so that a half stays smaller than the whole.
        """
        most = self._flow.batch(max(self._most_documents, len(work.batch)))
        most_bytes = self._limit.bytes_at(monotonic())
        rest = [position for positions in work.waiting for position in positions]
        work.waiting.clear()
        for positions in (*groups, rest):
            work.waiting.extend(split(work.batch, positions, most, most_bytes))

    def _got_through(self, work: _Work, size: int) -> None:
        self._limit.passed(size)
        work.passed = True
        broke_bytes, work.broke_bytes = work.broke_bytes, 0
        if size < broke_bytes:
            self._limit.refused(broke_bytes, "the connection breaks", monotonic())
            self._split(work)

    def _answered(
        self,
        work: _Work,
        positions: Sequence[int],
        documents: Sequence[Document],
        answer: object,
        began: float,
    ) -> None:
        try:
            judged = self._judge.judge(documents, answer)
        except SinkError as error:
            self._lost.add(documents)
            raise SinkUnavailableError(str(error), work.verdicts) from error
        self._take(work, positions, judged)
        self._lost.settle(documents, judged.verdicts)
        self._lost.add(documents[one] for one in judged.unsure)
        if judged.overload:
            self._overloaded(work, judged.overload, began)
        now = monotonic()
        self._flow.answered(now - began, now)

    def _take(self, work: _Work, positions: Sequence[int], judged: Judged) -> None:
        if len(positions) == len(work.batch):
            work.verdicts = judged.verdicts
        else:
            for position, verdict in zip(positions, judged.verdicts, strict=True):
                work.verdicts[position] = verdict
        too_large = [positions[one] for one in judged.too_large]
        if len(too_large) == 1:
            work.verdicts[too_large[0]] = SinkVerdict(Verdict.REJECTED, judged.too_large_reason)
        elif too_large:
            work.divide(too_large)

    def _overloaded(self, work: _Work, reason: str, began: float) -> NoReturn:
        short = any(text in reason for text in _MEMORY)
        self._flow.refused(began, monotonic(), bytes_short=short)
        raise SinkUnavailableError(f"writing: {reason}", work.verdicts, overloaded=True)

    async def _failed(
        self, work: _Work, positions: Sequence[int], size: int, began: float, error: SendError
    ) -> None:
        """Have a request sent again, smaller, or give up the batch for now."""
        alone = len(positions) == 1
        match error.failure:
            case Failure.TOO_LARGE | Failure.REFUSED if alone:
                work.verdicts[positions[0]] = SinkVerdict(Verdict.REJECTED, str(error))
            case Failure.TOO_LARGE:
                self._limit.refused(size, str(error), monotonic())
                self._split(work, *halves(positions))
            case Failure.REFUSED:
                work.divide(positions)
            case Failure.BROKEN if await self._sender.answers():
                # Some proxies close each connection after its answer, without announcing it. By then
                # the end of it is noticed, and the next request does not go over it.
                await asyncio.sleep(_CLOSED_S)
                self._broke(work, positions, size, error)
            case Failure.OVERLOADED:
                self._overloaded(work, str(error).removeprefix("writing: "), began)
            case _:
                if error.failure is Failure.LATE:
                    self._flow.refused(began, monotonic(), bytes_short=True)
                raise SinkUnavailableError(str(error), work.verdicts) from error

    def _broke(self, work: _Work, positions: Sequence[int], size: int, error: SendError) -> None:
        """The server is there, so the connection may have been old, or the request is too large."""
        if not work.broke_bytes:
            work.broke_bytes = size
            work.waiting.appendleft(positions)
        elif len(positions) > 1:
            work.broke_bytes = min(work.broke_bytes, size)
            work.divide(positions)
        elif size > _SMALL_BYTES or work.passed:
            reason = f"the connection breaks for this document of {size} bytes: {error}"
            work.verdicts[positions[0]] = SinkVerdict(Verdict.RETRY, reason)
        elif work.postponed or not work.waiting:
            raise SinkUnavailableError(str(error), work.verdicts) from error
        else:
            work.postponed = True
            work.waiting.append(positions)
