"""The seam of sinks: a batch of documents in, a verdict for each out.

A sink is found by URL scheme through the entry point group ``dms_events.sinks``. It judges documents
and knows no bus. `dms_events.Forwarder` moves a subscription into one.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Self

import msgspec

from ..errors import SinkError

__all__ = ["Document", "Pace", "Sink", "SinkUnavailableError", "SinkVerdict", "Verdict"]


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event as a sink stores it."""

    id: str
    """Of the event's identity: its ID, or UUIDv5 of its source and its ID; see `id_of_document`."""
    type_name: str
    """Registry name, for example ``elk_stats.ServiceCall``."""
    time: datetime
    """When it happened, in UTC."""
    index: str
    """``dms-<module>.<type_in_snake_case>-<yyyy.MM>``: a function of the event alone."""
    body: bytes
    """The JSON document: Go's field names, and ``@timestamp``, ``event``, ``dms``."""


class Verdict(enum.Enum):
    """What became of one document."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """It was there already, under the same id: as good as stored, and not stored twice."""
    RETRY = "retry"
    """Not this document now (its index is blocked); it may pass later. It comes again in a later batch,
    and holds up no other document meanwhile."""
    REJECTED = "rejected"
    """Never: the sink will refuse this document whenever it comes."""


class SinkVerdict(msgspec.Struct, frozen=True, gc=False):
    """A verdict and, where it is not a success, why."""

    verdict: Verdict
    reason: str = ""


class SinkUnavailableError(SinkError):
    """The sink takes nothing now (overload, a lost connection, a key being rotated), and later will.

    Args:
        reason: why.
        verdicts: of the first documents of the batch, where they are known.
    """

    def __init__(self, reason: str, verdicts: Sequence[SinkVerdict] = ()) -> None:
        super().__init__(reason)
        self.verdicts = tuple(verdicts)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How much a sink takes at a time."""

    batch: int
    """Most documents of a batch, at least 1."""
    batch_bytes: int
    """From so many bytes of payload on a batch is complete, however few its documents are."""
    writes: int
    """Batches that may be with the sink at a time, at least 1."""
    pause_s: float = 0.0
    """For so long nothing is pulled and no write begins; then the sink is asked again."""


class Sink(ABC):
    """Where documents end up; an async context manager that opens and closes it."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @abstractmethod
    async def open(self) -> None:
        """Connect, and make what is needed to write.

        Raises:
            SinkError: it cannot be used.
            ConfigError: the URL or an option is wrong.
        """

    @abstractmethod
    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        """Store a batch; one verdict for each document, in the same order.

        What is judged STORED is safe when this returns. A document may be stored although the call
        raised or was cancelled: writing it again gives DUPLICATE.

        Raises:
            SinkBrokenError: this and every later batch will be refused until somebody mends the sink;
                the caller ends with it.
            SinkUnavailableError: the sink takes nothing now. The caller holds what it has, takes nothing
                more, and writes again until the sink answers.
            SinkError: the same, and nothing of the batch was judged.
        """

    def pace(self, most: Pace) -> Pace:
        """How much to write at a time from now on; asked before each pull and each write.

        Args:
            most: what the caller is set to. More than that is taken for that.
        """
        return most

    @abstractmethod
    async def count(self) -> dict[str, int]:
        """Documents stored, by type name."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""
