"""The handler of a forwarder: messages become documents, and the sink's verdicts become outcomes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from ..aio import set_within
from ..bus import Message
from ..errors import ConnectionLostError, SinkBrokenError, SinkError
from ..quiet import Quiet
from ..sink import Document, Pace, Sink, SinkUnavailableError, SinkVerdict, Verdict, documents_of
from .outcome import DONE, DUPLICATE, Again, Dead, Outcome
from .policy import RetryPolicy
from .stats import Stats

__all__ = ["SinkWriter"]

_log = logging.getLogger("dms_events")
_LATER: Final = RetryPolicy(backoff_s=1.0, backoff_max_s=60.0)
"""For a document that the sink takes later."""
_UNAVAILABLE: Final = RetryPolicy(backoff_s=0.1, backoff_max_s=30.0)
"""For a sink that takes nothing."""
_QUIET_S: Final = 60.0


class SinkWriter:
    """Writes batches into a sink, each until all of its documents are judged or the forwarder stops.

    While the sink takes nothing, one batch is tried again and again, and the others wait for it.

    Args:
        most: upper limits of batches and writes, as the forwarder is set.
        stopping: set when the forwarder stops: messages not with the sink by then are given back.
        trust: as for `documents_of`.
    """

    def __init__(
        self,
        sink: Sink,
        most: Pace,
        stats: Stats,
        stopping: asyncio.Event,
        *,
        trust: Sequence[str] = (),
    ) -> None:
        self._sink = sink
        self._trust = trust
        self._most = most
        self._stats = stats
        self._stopping = stopping
        self._writing = 0
        self._write_ended = asyncio.Event()
        self._failures = 0
        """How often in a row the sink took nothing."""
        self._probe = asyncio.Lock()
        self._quiet = Quiet(_QUIET_S)

    async def write(self, messages: list[Message[Any]]) -> list[Outcome]:
        """Return an outcome for each message. Those not judged when the forwarder stops are given back.

        Raises:
            SinkBrokenError: the sink has to be mended.
        """
        documents = documents_of(messages, trust=self._trust)
        judged: list[SinkVerdict] = []
        while len(judged) < len(documents) and not self._stopping.is_set():
            judged += await self._judged(documents[len(judged) :])
        self._say_later(judged)
        outcomes = list(map(_outcome, messages, judged))
        for message in messages[len(judged) :]:
            with suppress(ConnectionLostError):  # then it is delivered again
                await message.nak()
            outcomes.append(DONE)  # a message that was given back has no other outcome
        return outcomes

    def pace(self) -> Pace:
        """Return how much the sink takes now, up to the limits of the forwarder."""
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
        return not self._failures

    async def _judged(self, documents: Sequence[Document]) -> Sequence[SinkVerdict]:
        """Return the verdicts of the first documents, or of all."""
        if self._failures:
            async with self._probe:
                if self._failures:
                    delay_s = _UNAVAILABLE.delay_s(self._failures, random.random())
                    await set_within(self._stopping, delay_s)
                    return await self._write(documents)
        return await self._write(documents)

    async def _write(self, documents: Sequence[Document]) -> Sequence[SinkVerdict]:
        await self._turn()
        if self._stopping.is_set():
            return ()
        self._writing += 1
        try:
            verdicts = await self._sink.write(documents)
        except SinkBrokenError:
            raise
        except SinkError as error:
            return self._unavailable(error, len(documents))
        finally:
            self._writing -= 1
            self._write_ended.set()
        if len(verdicts) != len(documents):
            raise SinkBrokenError(f"{len(verdicts)} verdicts came for {len(documents)} documents")
        if self._failures:
            self._failures = 0
            _log.warning("the sink takes documents again")
        return verdicts

    async def _turn(self) -> None:
        """Wait until the sink takes one more batch, or the forwarder stops."""
        while not self._stopping.is_set():
            pace = self.pace()
            if pace.pause_s > 0:
                await set_within(self._stopping, pace.pause_s)
            elif self._writing >= pace.writes:
                self._write_ended.clear()
                await self._write_ended.wait()
            else:
                return

    def _unavailable(self, error: SinkError, count: int) -> Sequence[SinkVerdict]:
        self._stats.unavailable += 1
        self._failures += 1
        if self._failures == 1:
            _log.warning("%d documents wait for the sink: %s", count, error)
        return error.verdicts if isinstance(error, SinkUnavailableError) else ()

    def _say_later(self, judged: Sequence[SinkVerdict]) -> None:
        later = [verdict for verdict in judged if verdict.verdict is Verdict.RETRY]
        if later and self._quiet.over():
            _log.warning("%d documents are written later: %s", len(later), later[-1].reason)


def _outcome(message: Message[Any], verdict: SinkVerdict) -> Outcome:
    match verdict.verdict:
        case Verdict.STORED:
            return DONE
        case Verdict.DUPLICATE:
            return DUPLICATE
        case Verdict.RETRY:
            # At least half of the wait, so that a few blocked documents do not come in turns at once.
            chance = random.uniform(0.5, 1.0)
            return Again(_LATER.delay_s(message.attempt, chance))
        case Verdict.REJECTED:
            return Dead(SinkError(verdict.reason))
