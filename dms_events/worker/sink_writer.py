"""The handler of a forwarder: messages become documents, and the sink's verdicts become outcomes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from ..bus import Message
from ..errors import ConnectionLostError, EncodeError, SinkError
from ..sink import STORED, Document, Pace, Sink, SinkVerdict, Verdict, documents_of
from .document_writer import DocumentWriter
from .outcome import DONE, Again, Dead, Outcome, done_of
from .policy import RetryPolicy
from .stats import Stats

__all__ = ["SinkWriter"]

_LATER: Final = RetryPolicy(backoff_s=1.0, backoff_max_s=60.0)
"""For a document that the sink takes later."""


class SinkWriter(DocumentWriter):
    """Writes messages into a sink, as documents.

    Args:
        trust: as for `documents_of`.
    """

    def __init__(
        self,
        sink: Sink,
        most: Pace,
        stats: Stats,
        stopping: asyncio.Event,
        *,
        trust: Sequence[str],
        give_up_s: float | None,
    ) -> None:
        super().__init__(sink, most, stats, stopping, give_up_s=give_up_s)
        self._trust = trust

    async def outcomes(self, messages: list[Message[Any]]) -> list[Outcome] | None:
        """Return an outcome for each message; None if all are stored.

        Messages that are not judged when the forwarder stops are given back.

        Raises:
            SinkBrokenError: the sink has to be mended, or took nothing for ``give_up_s``.
        """
        unwritable: dict[int, EncodeError] = {}
        try:
            documents = documents_of(messages, trust=self._trust)
        except EncodeError:
            documents, unwritable = self._written(messages)
        verdicts = await self.write(documents)
        if verdicts.count(STORED) == len(messages):
            return None
        outcomes: list[Outcome] = []
        judged = iter(verdicts)
        for position, message in enumerate(messages):
            if (error := unwritable.get(position)) is not None:
                outcomes.append(Dead(error))
            elif (verdict := next(judged)) is None:
                with suppress(ConnectionLostError):  # then it is delivered again
                    await message.nak()
                outcomes.append(DONE)  # a message that was given back has no other outcome
            else:
                outcomes.append(_outcome(message, verdict))
        return outcomes

    def _written(
        self, messages: Sequence[Message[Any]]
    ) -> tuple[list[Document], dict[int, EncodeError]]:
        """Return the documents that can be made, and the errors of the others by position.

        More can be read than written: an event that is nested too deep, for example.
        """
        documents: list[Document] = []
        unwritable: dict[int, EncodeError] = {}
        for position, message in enumerate(messages):
            try:
                documents += documents_of([message], trust=self._trust)
            except EncodeError as error:
                unwritable[position] = error
        return documents, unwritable


def _outcome(message: Message[Any], verdict: SinkVerdict) -> Outcome:
    if (done := done_of(verdict)) is not None:
        return done
    if verdict.verdict is Verdict.REJECTED:
        return Dead(SinkError(verdict.reason))
    # At least half of the wait, so that a few blocked documents do not come in turns at once.
    chance = random.uniform(0.5, 1.0)
    return Again(_LATER.delay_s(message.attempt, chance))
