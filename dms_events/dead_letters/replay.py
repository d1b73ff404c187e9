"""Replay: from a dead letter back to the message that it was."""

from __future__ import annotations

import msgspec

from ..envelope import Envelope, decode_envelope, encode_envelope
from ..errors import DecodeError, ReplayError
from ..identity import id_of_position, new_id
from ..names import is_source, is_type_name
from ..transport import OutgoingMessage
from .letter import LONGEST, DeadLetter

__all__ = ["prepare_replay"]

_HEADER_ROOM = 128


def prepare_replay(
    letter: DeadLetter, payload: bytes, *, again: bool, max_payload: int
) -> OutgoingMessage:
    """The original ``payload`` of a letter, ready to publish under its identity.

    The transport has seen that identity a moment ago and may refuse it as a duplicate, so the message has
    an id of its own, made of the original's position. A second replay of the same original, soon after
    the first, has the same id and is a duplicate; with ``again`` it has a new one and is published.

    Raises:
        ReplayError: it cannot be published as it was.
    """
    # Whoever may write to the dead stream wrote these, and they become a subject.
    if not is_type_name(letter.type_name) or not is_source(letter.source):
        reason = (
            f"it was published at {letter.subject!r}, which names no type and source as events do"
        )
        raise ReplayError(letter.number, reason)
    data = _identified(letter, payload)
    if len(data) > max_payload - _HEADER_ROOM:
        reason = (
            f"its {len(data):,} bytes leave no room for its identity within the server's max_payload "
            f"of {max_payload:,}; raise that for a moment"
        )
        raise ReplayError(letter.number, reason)
    which = new_id() if again else id_of_position("replay", letter.sequence, letter.stored)
    return OutgoingMessage("events", letter.type_name, letter.source, f"replay:{which}", data)


def _identified(letter: DeadLetter, payload: bytes) -> bytes:
    """The payload as it was, with the letter's identity where its envelope has none of its own."""
    try:
        envelope = decode_envelope(payload)
    except DecodeError:
        return payload
    if envelope.id or not letter.id:
        return payload
    if len(letter.id) >= LONGEST:
        reason = (
            f"its identity, {letter.id[:20]!r}…, is longer than {LONGEST} characters and was cut"
        )
        raise ReplayError(letter.number, reason)
    wanted = msgspec.structs.replace(envelope, id=letter.id)
    if payload[:1] >= b"\x80":
        return encode_envelope(wanted, "msgpack")
    # Added at the end, so that keys which are not ours are kept; of repeated keys the last one counts.
    extended = payload.rstrip()[:-1] + b',"ID":' + msgspec.json.encode(letter.id) + b"}"
    return extended if _reads_as(extended, wanted) else encode_envelope(wanted)


def _reads_as(data: bytes, wanted: Envelope) -> bool:
    try:
        return decode_envelope(data) == wanted
    except DecodeError:
        return False
