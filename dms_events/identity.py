"""Identities and times of events: UUIDv7 ids, ids made of a position in a stream, RFC 3339 text."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import uuid_utils

__all__ = ["id_of_position", "new_id", "now_rfc3339", "parse_rfc3339", "rfc3339"]

_STREAMS = uuid5(NAMESPACE_URL, "https://nunet.io/dms-events/stream")


def new_id() -> str:
    """A new UUIDv7: unique, and sorted by the time it was made."""
    return str(uuid_utils.uuid7())


def id_of_position(stream: str, created: str, sequence: int) -> str:
    """The id of a message that claims none: UUIDv5 of where it lies.

    ``created`` is the stream's creation time, so that a stream which was deleted and made again does
    not give the same ids. Never a hash of the content: two real events can be equal.
    """
    return str(uuid5(_STREAMS, f"{stream}\n{created}\n{sequence}"))


def rfc3339(unix_ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 in UTC, with nine fraction digits."""
    global _last_second, _last_text  # noqa: PLW0603
    seconds, fraction = divmod(unix_ns, 1_000_000_000)
    if seconds != _last_second:
        _last_text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _last_second = seconds
    return f"{_last_text}.{str(fraction).zfill(9)}Z"  # half the time of :09d


_last_second, _last_text = -1, ""


def now_rfc3339() -> str:
    """The present as RFC 3339 in UTC, with nanoseconds."""
    return rfc3339(time.time_ns())


def parse_rfc3339(text: str) -> datetime:
    """An RFC 3339 time as an aware datetime, truncated to microseconds.

    Raises:
        ValueError: not an RFC 3339 time with an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return moment
