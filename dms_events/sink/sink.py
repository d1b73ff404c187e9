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

__all__ = ["Document", "Sink", "SinkVerdict", "Verdict"]


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
    """Not now (overload, a lost connection, a key being rotated); the same document may pass later."""
    REJECTED = "rejected"
    """Never: the sink will refuse this document whenever it comes."""


class SinkVerdict(msgspec.Struct, frozen=True, gc=False):
    """A verdict and, where it is not a success, why."""

    verdict: Verdict
    reason: str = ""


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
            SinkError: the batch as a whole met an obstacle; the caller waits and writes it again.
        """

    @abstractmethod
    async def count(self) -> dict[str, int]:
        """Documents stored, by type name."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""
