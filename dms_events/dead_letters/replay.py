"""Replay: make the original message from a dead letter, for the letter's reader or for all readers."""

from __future__ import annotations

import msgspec

from ..envelope import Envelope, decode_envelope, encode_envelope
from ..errors import DecodeError, ReplayError
from ..identity import new_id
from ..names import digest, is_source, is_type_name, shortened, shortened_type
from ..transport import OutgoingMessage
from .letter import LONGEST, TOKEN_BYTES, DeadLetter

__all__ = ["PREFIX", "prepare_replay", "reader_of", "reader_token"]

PREFIX = "replay:"
"""Prefix of the message id of a replay."""
_READER_BYTES = 16
_HEADER_ROOM = 28
"""Bytes of the header block beside the message id; a replay has no other header."""
_LONGEST_LINE = 3000
"""Bytes of type and source that leave room for the rest of a protocol line of 4,096."""


def reader_token(durable: str) -> str:
    """Return the name of a durable as the message id of a replay has it."""
    return shortened(durable, _READER_BYTES)


def reader_of(message_id: str) -> str:
    """Return the `reader_token` of a replay's reader; empty for a replay to all and any other message."""
    if not message_id.startswith(PREFIX):
        return ""
    return message_id[len(PREFIX) :].rpartition(":")[0]


def prepare_replay(
    letter: DeadLetter, payload: bytes, *, again: bool, to_all: bool, max_payload: int
) -> OutgoingMessage:
    """Return the original ``payload`` of a letter as a message, ready to publish under its identity.

    The transport may have seen that identity a moment ago and refuse it as a duplicate. So the message
    gets another id. It is made of the original's position, and of the letter's reader unless it is
    ``to_all``. A second replay of the same original to the same reader has the same id, and is a
    duplicate soon after the first. With ``again`` it gets a new id and is published.

    Raises:
        ReplayError: the original cannot be published as it was.
    """
    # Anybody with write access to the dead stream may have chosen these two, and they become a subject.
    if not is_type_name(letter.type_name) or not is_source(letter.source):
        reason = f"it was published at {letter.subject!r}, which names no type and source"
        raise ReplayError(letter.number, reason)
    which = digest(new_id() if again else f"{letter.stored}\n{letter.sequence}")
    id = PREFIX + (which if to_all else f"{reader_token(letter.reader)}:{which}")
    room = max_payload - _HEADER_ROOM - len(id.encode())
    data = _identified(letter, payload, room)
    if len(data) > room:
        reason = (
            f"its {len(data):,} bytes leave no room for a message id within the server's max_payload "
            f"of {max_payload:,}; raise max_payload for a moment"
        )
        raise ReplayError(letter.number, reason)
    type_name, source = letter.type_name, letter.source
    if len(f"{type_name}{source}".encode()) > _LONGEST_LINE:
        type_name, source = shortened_type(type_name, TOKEN_BYTES), shortened(source, TOKEN_BYTES)
    return OutgoingMessage("events", type_name, source, id, data)


def _identified(letter: DeadLetter, payload: bytes, room: int) -> bytes:
    """Return the payload with the letter's identity, in no more than ``room`` bytes if possible.

    A payload that is no envelope stays as it was. So does an envelope that has an identity and fits.
    """
    try:
        envelope = decode_envelope(payload)
    except DecodeError:
        return payload
    if envelope.id or not letter.id:
        return payload if len(payload) <= room else encode_envelope(envelope, "msgpack")
    if len(letter.id) == LONGEST:
        reason = (
            f"its identity, {letter.id[:20]!r}…, was cut to {LONGEST} characters in the letter, "
            "and its envelope does not have it"
        )
        raise ReplayError(letter.number, reason)
    wanted = msgspec.structs.replace(envelope, id=letter.id)
    if payload[:1] < b"\x80":
        # The ID is added at the end, so keys that we do not know are kept. The last of equal keys counts.
        extended = payload.rstrip()[:-1] + b',"ID":' + msgspec.json.encode(letter.id) + b"}"
        if not _reads_as(extended, wanted):
            extended = encode_envelope(wanted)
        if len(extended) <= room:
            return extended
    # MessagePack is a quarter smaller than JSON, which holds the event as base64.
    return encode_envelope(wanted, "msgpack")


def _reads_as(data: bytes, wanted: Envelope) -> bool:
    try:
        return decode_envelope(data) == wanted
    except DecodeError:
        return False
