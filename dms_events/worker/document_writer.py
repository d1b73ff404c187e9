"""Documents into a sink: written until each is judged, and held while the sink takes nothing."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Final

from ..aio import set_within
from ..errors import ConfigError, SinkBrokenError, SinkError
from ..quiet import Notice
from ..sink import (
    STORED,
    Document,
    Pace,
    Remark,
    Sink,
    SinkUnavailableError,
    SinkVerdict,
    Verdict,
)
from .policy import RetryPolicy
from .sink_waits import Later, Outage
from .stats import Stats

__all__ = ["DocumentWriter", "limits_of"]

_UNAVAILABLE: Final = RetryPolicy(backoff_s=0.1, backoff_max_s=30.0)
"""For a sink that takes nothing."""
_OVERLOADED: Final = RetryPolicy(backoff_s=0.1, backoff_max_s=2.0)
"""For a sink that is there and has no room: who waits longer than others gets none."""
_ASK_S: Final = 1.0
_AWAY_S: Final = 300.0
"""A sink that does not answer is not written to for so long."""
_REMARKS: Final = {
    Remark.UNSURE: "%d documents were stored already, perhaps by a write whose answer was lost%s",
    Remark.FAILURE_STORE: "%d documents went to the failure store of the sink: %s",
    Remark.LEFT_OUT: "%d documents are left out by a rule of the sink: %s",
    Remark.RENAMED: "%d documents got other ids by a rule of the sink, so duplicates are not known. %s",
}


def limits_of(batch: int, batch_bytes: int, writes: int) -> Pace:
    """Return the upper limits of batches and writes.

    Raises:
        ConfigError: a number is below 1.
    """
    for name, value in (("batch", batch), ("batch_bytes", batch_bytes), ("writes", writes)):
        if value < 1:
            raise ConfigError(name, f"must be at least 1, not {value}")
    return Pace(batch=batch, batch_bytes=batch_bytes, writes=writes)


class DocumentWriter:
    """Writes batches into a sink, each until all of its documents are judged or it has to stop.

    While the sink takes nothing, one batch is tried again and again, and the others wait for it.

    Args:
        most: upper limits of batches and writes.
        stopping: set when it has to stop: no write begins then.
        give_up_s: how long the sink may take nothing; None for any time.

    Raises:
        ConfigError: ``give_up_s`` is not above 0.
    """

    def __init__(
        self,
        sink: Sink,
        most: Pace,
        stats: Stats,
        stopping: asyncio.Event,
        *,
        give_up_s: float | None,
    ) -> None:
        if give_up_s is not None and give_up_s <= 0:
            raise ConfigError("give_up_s", f"must be above 0 seconds, or None, not {give_up_s}")
        self._sink = sink
        self._most = most
        self._stats = stats
        self._stopping = stopping
        self._give_up_s = give_up_s
        self._documents = 0
        """How many documents are here."""
        self._writing = 0
        self._write_ended = asyncio.Event()
        self._outage = Outage()
        self._later = Later()
        self._notices = {remark: Notice(text) for remark, text in _REMARKS.items()}
        self._probe = asyncio.Lock()

    async def write(self, documents: Sequence[Document]) -> list[SinkVerdict | None]:
        """Return a verdict for each document; None for one that is not judged when it has to stop.

        Raises:
            SinkBrokenError: the sink has to be mended, or took nothing for ``give_up_s``.
        """
        self._documents += len(documents)
        try:
            verdicts = await self._verdicts(documents)
        finally:
            self._documents -= len(documents)
        if verdicts.count(STORED) < len(documents):
            self._say(verdicts)
        return verdicts

    def pace(self) -> Pace:
        """Return how much the sink takes now, up to its limits."""
        asked, most = self._sink.pace(self._most), self._most
        return Pace(
            batch=max(1, min(asked.batch, most.batch)),
            batch_bytes=max(1, min(asked.batch_bytes, most.batch_bytes)),
            writes=max(1, min(asked.writes, most.writes)),
            pause_s=asked.pause_s,
        )

    @property
    def available(self) -> bool:
        """False after a batch that the sink did not take, until it takes one."""
        return not self._outage.failures

    @property
    def unavailable(self) -> str:
        """The reason why the sink takes nothing; empty if it takes documents."""
        return self._outage.reason if self._outage.failures else ""

    async def _verdicts(self, documents: Sequence[Document]) -> list[SinkVerdict | None]:
        verdicts: list[SinkVerdict | None] = [None] * len(documents)
        unjudged = list(range(len(documents)))
        while unjudged and not self._stopping.is_set():
            judged = await self._judged([documents[position] for position in unjudged])
            for position, verdict in zip(unjudged, judged, strict=False):
                verdicts[position] = verdict
            unjudged = [position for position in unjudged if verdicts[position] is None]
        return verdicts

    async def _judged(self, documents: Sequence[Document]) -> Sequence[SinkVerdict | None]:
        """Return the verdicts that are known, by position."""
        if self._outage.failures:
            async with self._probe:
                if self._outage.failures:
                    await self._wait()
                    return await self._write(documents)
        return await self._write(documents)

    async def _wait(self) -> None:
        """Wait for a while; at most until a sink that did not answer answers again."""
        outage = self._outage
        policy = _OVERLOADED if outage.overloaded else _UNAVAILABLE
        due = monotonic() + policy.delay_s(outage.failures, random.random())
        away = False
        while not self._stopping.is_set():
            if not outage.overloaded:
                answers = await self._sink.answers()
                if answers and away:
                    return
                if not answers and not away:
                    away, due = True, monotonic() + _AWAY_S
            left_s = due - monotonic()
            if left_s <= 0:
                return
            await set_within(self._stopping, min(left_s, random.uniform(0.5, 1.0) * _ASK_S))
            outage.remind()
            self._give_up()

    async def _write(self, documents: Sequence[Document]) -> Sequence[SinkVerdict | None]:
        await self._turn()
        if self._stopping.is_set():
            return ()
        self._writing += 1
        began = monotonic()
        try:
            verdicts = await self._sink.write(documents)
        except SinkBrokenError:
            raise
        except SinkError as error:
            return self._unavailable(error)
        finally:
            self._stats.writes.add(monotonic() - began)
            self._writing -= 1
            self._write_ended.set()
        if len(verdicts) != len(documents):
            raise SinkBrokenError(f"{len(verdicts)} verdicts came for {len(documents)} documents")
        if self._outage.failures:
            self._outage.end()
        return verdicts

    async def _turn(self) -> None:
        """Wait until the sink takes one more batch, or it has to stop."""
        while not self._stopping.is_set():
            pace = self.pace()
            if pace.pause_s > 0:
                await set_within(self._stopping, pace.pause_s)
            elif self._writing >= pace.writes:
                self._write_ended.clear()
                await self._write_ended.wait()
            else:
                return

    def _unavailable(self, error: SinkError) -> Sequence[SinkVerdict | None]:
        self._stats.unavailable += 1
        verdicts: Sequence[SinkVerdict | None] = ()
        overloaded = False
        if isinstance(error, SinkUnavailableError):
            verdicts, overloaded = error.verdicts, error.overloaded
        judged = sum(verdict is not None for verdict in verdicts)
        waiting = self._documents - judged
        self._outage.add(str(error), waiting, overloaded=overloaded, progress=judged > 0)
        self._give_up()
        return verdicts

    def _give_up(self) -> None:
        if self._give_up_s is not None and self._outage.seconds > self._give_up_s:
            raise SinkBrokenError(
                f"the sink took nothing for {self._outage.seconds:.0f} s: {self._outage.reason}"
            )

    def _say(self, verdicts: Sequence[SinkVerdict | None]) -> None:
        """Log and count how the outcomes differ from the plain ones."""
        later: Counter[str] = Counter()
        for verdict in verdicts:
            if verdict is None:
                continue
            if verdict.verdict is Verdict.RETRY:
                later[verdict.reason] += 1
            if verdict.remark is not None:
                self._notices[verdict.remark].add(verdict.reason)
                self._stats.remark(verdict.remark)
        for reason, count in later.items():
            self._later.add(reason, count)
