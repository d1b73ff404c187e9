"""Dead letters: what could not be read or will never be handled, kept with the reason."""

from __future__ import annotations

import msgspec

from .errors import DecodeError
from .identity import now_rfc3339, rfc3339
from .transport import Delivery, Prepared
from .types._secrets import Masked, SecretBytes

__all__ = ["DeadLetter", "decode_dead_letter", "prepare_dead_letter"]

_ROOM = 4096
"""Bytes of a payload that are left for all but the original; a longer original is cut."""
_LONGEST = 300
"""Characters of a text that others chose."""


class DeadLetter(Masked, msgspec.Struct, frozen=True, kw_only=True):
    """A message that a reader gave up, on the ``dead`` channel, as MessagePack.

    Its repr does not show the original.
    """

    id: str
    """Identity of the original event; cut where it is absurdly long, as are reason and place."""
    reason: str
    error: str
    """Name of the error's class."""
    reader: str
    """The durable that gave it up; empty for a subscription without one."""
    place: str
    """Where the original was published."""
    type_name: str
    """The type it was published under; empty where that is not known."""
    source: str
    attempts: int
    """How often it was delivered to that reader."""
    stored: str
    """RFC 3339: when the broker stored the original."""
    buried: str
    """RFC 3339: when the reader gave it up."""
    payload: SecretBytes
    """The original bytes."""
    payload_bytes: int
    """Their length. More than ``payload`` holds where the original left no room beside it: then the
    whole of it is in the events stream only, at ``sequence``."""
    sequence: int
    """The original's position in its stream; 0 where nothing is stored."""


def prepare_dead_letter(
    delivery: Delivery, *, id: str, reason: str, error: str, reader: str, max_payload: int
) -> Prepared:
    """A dead letter that is ready to send.

    Its own id is made of the reader and the original's place, so that burying the same message again
    (after a crash before the term) is not a second letter.
    """
    letter = DeadLetter(
        id=id[:_LONGEST],
        reason=reason[:_LONGEST],
        error=error,
        reader=reader,
        place=delivery.place[:_LONGEST],
        type_name=delivery.routed_as,
        source=delivery.source,
        attempts=delivery.attempt,
        stored=rfc3339(delivery.stored_ns),
        buried=now_rfc3339(),
        payload=delivery.data[: max(0, max_payload - _ROOM)],
        payload_bytes=len(delivery.data),
        sequence=delivery.sequence,
    )
    return Prepared(
        channel="dead",
        type_name=letter.type_name or "unknown.unknown",
        source=letter.source,
        id=f"dead:{reader}:{delivery.place_id}",
        data=msgspec.msgpack.encode(letter),
    )


_decode = msgspec.msgpack.Decoder(DeadLetter).decode


def decode_dead_letter(data: bytes) -> DeadLetter:
    """Read a dead letter.

    Raises:
        DecodeError: it is none.
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
    # Without a cause: that of a bad text holds the text.
    raise DecodeError("DeadLetter", "", reason, data)
