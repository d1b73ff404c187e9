"""Identities and times of events: new ids, ids of a position, ids of documents, RFC 3339 text."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from hashlib import sha1

import uuid_utils

__all__ = [
    "id_of_document",
    "id_of_position",
    "new_id",
    "now_rfc3339",
    "parse_rfc3339",
    "rfc3339",
]

_STREAMS = uuid_utils.uuid5(uuid_utils.NAMESPACE_URL, "https://nunet.io/dms-events/stream")
_SOURCES = uuid_utils.uuid5(uuid_utils.NAMESPACE_URL, "https://nunet.io/dms-events/source")


def new_id() -> str:
    """Return a new UUIDv7: unique, and sortable by the time of creation."""
    return str(uuid_utils.uuid7())


def id_of_position(stream: str, sequence: int, stored: int | str) -> str:
    """Return the id of a message that has none: UUIDv5 of its stream, its sequence and its stored time.

    ``stored`` is in ns since 1970, or the same as text. Sequence and time do not change when the message
    is redelivered, or when a backup is restored. A message that is stored later under the same sequence
    has another time, and so another id. The id is no hash of the content: two real events can be equal.
    """
    return _uuid5(_STREAMS, f"{stream}\n{sequence}\n{stored}")


def id_of_document(source: str, id: str) -> str:
    """Return the id under which a sink stores an event: its ID, or UUIDv5 of its source and its ID.

    A relay publishes under this id too, since the target broker knows no sources.

    ``source`` is the source by the transport's own word, and empty for the token ``_``. So events with
    the same ID from two sources are two documents.
    """
    return _uuid5(_SOURCES, f"{source}\n{id}") if source else id


def _uuid5(namespace: uuid_utils.UUID, name: str) -> str:
    try:
        return str(uuid_utils.uuid5(namespace, name))
    except (TypeError, UnicodeEncodeError):
        pass  # a lone surrogate, which an ID that others chose may hold
    data = namespace.bytes + name.encode(errors="surrogatepass")
    digest = sha1(data, usedforsecurity=False).digest()
    return str(uuid_utils.UUID(bytes=digest[:16], version=5))


def rfc3339(unix_ns: int) -> str:
    """Return nanoseconds since 1970 as RFC 3339 in UTC, with nine fraction digits."""
    global _last_second, _last_text  # noqa: PLW0603
    seconds, fraction = divmod(unix_ns, 1_000_000_000)
    if seconds != _last_second:
        _last_text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _last_second = seconds
    return f"{_last_text}.{str(fraction).zfill(9)}Z"  # half the time of :09d


_last_second, _last_text = -1, ""


def now_rfc3339() -> str:
    """Return the current time as RFC 3339 in UTC, with nanoseconds."""
    return rfc3339(time.time_ns())


def parse_rfc3339(text: str) -> datetime:
    """Return an RFC 3339 time as an aware datetime, truncated to microseconds.

    Raises:
        ValueError: the text is not an RFC 3339 time with an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return moment
