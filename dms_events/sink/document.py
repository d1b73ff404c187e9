"""From an event to the document that every sink stores, and the index it goes to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol

import msgspec
from msgspec import UNSET, UnsetType, field

from .. import codec
from ..codec.float32 import shortest
from ..identity import id_of_document, parse_rfc3339
from ..types._wire import ZERO_TIME
from .extra import extra_of
from .index import dataset_of, index_of
from .outcome import Outcome, outcome_of
from .sink import Document

__all__ = ["call_key", "document_of", "documents_of"]

_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=1)
_ABSURD: Final = "stored, the sender's is absurd"
_SHORT: Final = 10
"""Letters at the end of a peer id that tell it from others; all ids begin alike."""
_encode = msgspec.json.Encoder().encode


class Enveloped(Protocol):
    """The members of a `dms_events.Envelope` that `document_of` reads."""

    @property
    def data(self) -> bytes:
        """The event's JSON, as it came."""

    @property
    def source(self) -> str:
        """Peer id of the sender, as the envelope claims; may be empty."""

    @property
    def time(self) -> str:
        """When the event was sent, as RFC 3339; may be empty."""


class Described(Protocol):
    """The members of a `dms_events.Message` that `document_of` reads."""

    event: msgspec.Struct
    type_name: str
    canonical: bool

    @property
    def envelope(self) -> Enveloped:
        """The envelope that the event came in."""

    @property
    def id(self) -> str:
        """ID of the event."""

    @property
    def transport_source(self) -> str:
        """Peer id of the sender by the transport's own word; may be empty."""

    @property
    def subject(self) -> str:
        """Where the message was published, in the transport's own terms."""

    @property
    def stored_ns(self) -> int:
        """When the broker stored the message, in ns since 1970."""


class _Event(msgspec.Struct, gc=False):
    id: str
    dataset: str
    ingested: datetime
    outcome: Outcome


class _Dms(msgspec.Struct, gc=False, omit_defaults=True):
    type: str
    peer_id: str
    peer_short: str
    source_from: str
    time_from: str
    claimed_source: str | UnsetType = UNSET
    signer: str | UnsetType = UNSET
    verified: bool | UnsetType = UNSET
    call_key: str | UnsetType = UNSET
    extra: msgspec.Raw | UnsetType = UNSET


class _About(msgspec.Struct, gc=False):
    """The fields of a document that are not the event's own."""

    timestamp: datetime = field(name="@timestamp")
    event: _Event
    dms: _Dms


def documents_of(messages: Iterable[Described], *, trust: Iterable[str] = ()) -> list[Document]:
    """Return the documents of a batch of messages.

    Args:
        trust: roots of subjects under which only relays may publish, so that the source of a message is
            the peer whose signature the relay checked.
    """
    prefixes, now = tuple(f"{root}.events." for root in trust), datetime.now(UTC)
    return [_document(message, now, prefixes) for message in messages]


def document_of(message: Described, *, trust: Iterable[str] = ()) -> Document:
    """Return the document of a message: the event's own fields, encoded again, and its origin."""
    return documents_of([message], trust=trust)[0]


def call_key(call_id: float) -> str:
    """Return the shortest text of a call id as float32; it joins the documents of both sides of a call.

    Ids above 2**24 may merge, as they do in Go.
    """
    return shortest(call_id)


def _document(message: Described, now: datetime, trusted: tuple[str, ...]) -> Document:
    event, envelope, type_name = message.event, message.envelope, message.type_name
    source, claim, id = message.transport_source, envelope.source, message.id
    time, time_from = _time_of(event, envelope.time, message.stored_ns)
    peer_id, source_from = _peer_of(event, source, claim)
    dataset = dataset_of(type_name)
    dms = _Dms(type_name, peer_id, peer_id[-_SHORT:], source_from, time_from)
    if source and claim and claim != source:
        dms.claimed_source = claim
    if trusted and source and message.subject.startswith(trusted):
        dms.signer, dms.verified = source, claim == source
    if (call_id := getattr(event, "call_id", None)) is not None:
        dms.call_key = shortest(call_id)
    if not message.canonical:
        dms.extra = extra_of(envelope.data, type(event)) or UNSET
    about = _encode(_About(time, _Event(id, dataset, now, outcome_of(event)), dms))
    own = codec.encode(event)
    return Document(
        id=id_of_document(source, id),
        type_name=type_name,
        time=time,
        index=index_of(dataset, time),
        body=about if own == b"{}" else b"%b,%b" % (own[:-1], about[1:]),
    )


def _time_of(event: msgspec.Struct, written: str, stored_ns: int) -> tuple[datetime, str]:
    """Return the time of an event, and a label for the origin of that time.

    A time before 2020, or more than a day after the event was stored, is absurd. With such times anyone
    could create thousands of indices. So the stored time is used, and the label says so.
    """
    try:
        if written:
            time, time_from = parse_rfc3339(written).astimezone(UTC), "envelope"
        elif (own := getattr(event, "timestamp", 0)) and own != ZERO_TIME:
            time, time_from = _moment(own), "event"
        else:
            return _moment(stored_ns / 1e9), "stored"
    except (ValueError, OverflowError, OSError):
        return _moment(stored_ns / 1e9), _ABSURD
    if _EARLIEST <= time <= _latest(-(-stored_ns // 1_000_000_000)):
        return time, time_from
    return _moment(stored_ns / 1e9), _ABSURD


def _moment(timestamp: float | datetime) -> datetime:
    if isinstance(timestamp, datetime):
        return timestamp.astimezone(UTC)
    return datetime.fromtimestamp(timestamp, UTC)


@lru_cache(maxsize=1024)
def _latest(stored: int) -> datetime:
    """Return the latest time that is not absurd; ``stored`` is rounded up to seconds since 1970."""
    return datetime.fromtimestamp(stored, UTC) + _AHEAD


def _peer_of(event: msgspec.Struct, source: str, claim: str) -> tuple[str, str]:
    """Return the sender and who named it: the transport, the envelope (a claim), the event or nobody."""
    if source:
        return source, "transport"
    if claim:
        return claim, "claim"
    own = getattr(event, "peer_id", "") or getattr(event, "peer_id_of_service_host", "")
    return (own, "event") if own and isinstance(own, str) else ("unknown", "unknown")
