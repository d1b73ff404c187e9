"""The seam of sinks: a batch of documents in, a verdict for each out.

A sink is found by URL scheme through the entry point group ``dms_events.sinks``. It judges documents
and knows no bus. `dms_events.Forwarder` forwards a subscription to a sink.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Self

import msgspec

from ..errors import SinkError

__all__ = [
    "STORED",
    "Document",
    "Pace",
    "Remark",
    "Sink",
    "SinkUnavailableError",
    "SinkVerdict",
    "Verdict",
]


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event as a sink stores it."""

    id: str
    """Made of the event's identity: its ID, or UUIDv5 of its source and ID; see `id_of_document`."""
    type_name: str
    """Registry name, for example ``elk_stats.ServiceCall``."""
    time: datetime
    """When the event happened, in UTC."""
    index: str
    """``dms-<module>.<type_in_snake_case>-<yyyy.MM>``: a function of the event alone."""
    body: bytes
    """The JSON document: the fields by their Go names, and ``@timestamp``, ``event``, ``dms``."""


class Verdict(enum.Enum):
    """The outcome for one document."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The sink had the document already, under the same id: as good as stored, and not stored twice."""
    RETRY = "retry"
    """The sink refuses this document now (its index is blocked), but may take it later. The document
    comes again in a later batch, and holds up no other document meanwhile."""
    REJECTED = "rejected"
    """The sink will always refuse this document."""


class Remark(enum.Enum):
    """A remark on a verdict. Each is counted under its value."""

    UNSURE = "unsure"
    """On DUPLICATE: an earlier answer about the document was lost, so it may have been stored by that
    request. It counts in place of a duplicate."""
    FAILURE_STORE = "failure_store"
    """On REJECTED: the sink keeps the document where it keeps failures."""
    LEFT_OUT = "left_out"
    """On REJECTED: a rule of the sink's operator leaves the document out, such as an ingest pipeline."""
    RENAMED = "renamed"
    """A rule of the sink's operator gives documents other ids, so duplicates are not recognised."""


class SinkVerdict(msgspec.Struct, frozen=True, gc=False):
    """A verdict and, if it is not a success, its reason."""

    verdict: Verdict
    reason: str = ""
    remark: Remark | None = None


STORED: Final = SinkVerdict(Verdict.STORED)
"""The verdict of a document that was stored. A batch of which each verdict is this one costs least."""


class SinkUnavailableError(SinkError):
    """The sink takes no documents now (overload, lost connection, key rotation), but will later.

    Args:
        reason: why.
        verdicts: the verdicts on the first documents of the batch, if they are known; None stands for
            one that is not.
        overloaded: the sink is there, and has no room. It is asked again within 2 s, so that other
            writers do not get all the room.
    """

    def __init__(
        self,
        reason: str,
        verdicts: Sequence[SinkVerdict | None] = (),
        *,
        overloaded: bool = False,
    ) -> None:
        super().__init__(reason)
        known = len(verdicts)
        while known and verdicts[known - 1] is None:
            known -= 1
        self.verdicts = tuple(verdicts[:known])
        self.overloaded = overloaded


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The amount that a sink takes at a time."""

    batch: int
    """Most documents in a batch; at least 1."""
    batch_bytes: int
    """A batch with so many bytes of payload is complete, even if it has few documents."""
    writes: int
    """Most batches that are written to the sink at the same time; at least 1."""
    pause_s: float = 0.0
    """Seconds in which no message is pulled and no write begins; then the sink is asked again."""


class Sink(ABC):
    """A store for documents, and an async context manager that opens and closes it."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @abstractmethod
    async def open(self) -> None:
        """Connect, and create all that writing needs.

        Raises:
            SinkError: the sink cannot be used.
            ConfigError: the URL or an option is wrong.
        """

    @abstractmethod
    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        """Store a batch. Returns one verdict for each document, in the same order.

        A document judged STORED is safe when this returns. A document may be stored although the call
        raised or was cancelled: writing it again gives DUPLICATE.

        Raises:
            SinkBrokenError: this and every later batch will be refused until somebody repairs the sink;
                the caller ends with this error.
            SinkUnavailableError: the sink takes no documents now. The caller keeps the messages that it
                has, takes no more, and writes again until the sink answers.
            SinkError: the same, and no document of the batch was judged.
        """

    def pace(self, most: Pace) -> Pace:
        """Return the pace from now on; the caller asks before each pull and each write.

        Args:
            most: the caller's own limits. A larger value in the result counts as the limit.
        """
        return most

    async def answers(self) -> bool:
        """True if the sink can be reached. The answer must be cheap, and come within a few seconds.

        After a write that failed the caller asks this about once a second. If the sink was away and
        answers again, the caller writes at once.
        """
        return True

    @abstractmethod
    async def count(self) -> dict[str, int]:
        """Return the number of stored documents, by type name."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""
