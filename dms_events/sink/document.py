"""From an event to the document that every sink stores, and the index it goes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from .. import codec
from ..codec.float32 import shortest
from ..identity import id_of_document, parse_rfc3339
from .index import dataset_of, index_of
from .sink import Document

__all__ = ["call_key", "document_of"]

_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_encode = msgspec.json.Encoder().encode


class Described(Protocol):
    """The members of a `dms_events.Message` that `document_of` reads."""

    event: msgspec.Struct
    type_name: str

    @property
    def id(self) -> str:
        """ID of the event."""

    @property
    def source(self) -> str:
        """Peer id of the sender; may be empty, or a claim."""

    @property
    def transport_source(self) -> str:
        """Peer id of the sender by the transport's own word; may be empty."""

    @property
    def time_text(self) -> str:
        """When the event was sent, as RFC 3339; may be empty."""

    @property
    def stored_ns(self) -> int:
        """When the broker stored the message, in ns since 1970."""


def document_of(message: Described) -> Document:
    """Return the document of a message: the event's own fields, encoded again, and its origin."""
    event = message.event
    stored = datetime.fromtimestamp(message.stored_ns / 1e9, UTC)
    time, time_from = _time_of(message, stored)
    dataset = dataset_of(message.type_name)
    peer_id, source_from = _peer_of(message)
    dms = {
        "type": message.type_name,
        "peer_id": peer_id,
        "source_from": source_from,
        "time_from": time_from,
    }
    call_id = getattr(event, "call_id", None)
    if call_id is not None:
        dms["call_key"] = call_key(call_id)
    about = {
        "@timestamp": time,
        "event": {"id": message.id, "dataset": dataset, "ingested": datetime.now(UTC)},
        "dms": dms,
    }
    return Document(
        id=id_of_document(message.transport_source, message.id),
        type_name=message.type_name,
        time=time,
        index=index_of(dataset, time),
        body=_join(codec.encode(event), _encode(about)),
    )


def call_key(call_id: float) -> str:
    """Return the shortest text of a call id as float32; it joins the documents of both sides of a call.

    Ids above 2**24 may merge, as they do in Go.
    """
    return shortest(call_id)


def _time_of(message: Described, stored: datetime) -> tuple[datetime, str]:
    """Return the time of an event, and a label for the origin of that time.

    A time before 2020, or more than a day after the event was stored, is absurd. With such times anyone
    could create thousands of indices. So the stored time is used, and the label says so.
    """
    try:
        if message.time_text:
            time, time_from = parse_rfc3339(message.time_text).astimezone(UTC), "envelope"
        elif timestamp := getattr(message.event, "timestamp", 0.0):
            time, time_from = datetime.fromtimestamp(timestamp, UTC), "event"
        else:
            return stored, "stored"
    except (ValueError, OverflowError, OSError):
        return stored, "stored, the sender's is absurd"
    if _EARLIEST <= time <= stored + _AHEAD:
        return time, time_from
    return stored, "stored, the sender's is absurd"


def _peer_of(message: Described) -> tuple[str, str]:
    """Return the sender and who named it: the transport, the envelope (a claim), the event or nobody."""
    if message.transport_source:
        return message.transport_source, "transport"
    if message.source:
        return message.source, "claim"
    own = _own_peer(message.event)
    return (own, "event") if own else ("unknown", "unknown")


def _own_peer(event: msgspec.Struct) -> str:
    own = getattr(event, "peer_id", "") or getattr(event, "peer_id_of_service_host", "")
    return own if isinstance(own, str) else ""


def _join(first: bytes, second: bytes) -> bytes:
    return second if first == b"{}" else first[:-1] + b"," + second[1:]
