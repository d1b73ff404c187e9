"""The dead letter itself: its fields, and how it is made from a message, encoded and decoded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache

import msgspec

from .. import registry
from ..envelope import decode_envelope
from ..errors import DecodeError, UnknownTypeError
from ..identity import now_rfc3339, rfc3339
from ..names import shortened, shortened_type
from ..transport import Delivery, OutgoingMessage
from ..types._secrets import Masked, SecretBytes, holds_secret, secret_keys

__all__ = [
    "LONGEST",
    "TOKEN_BYTES",
    "DeadLetter",
    "bounded",
    "decode_dead_letter",
    "may_hold_secret",
    "prepare_dead_letter",
    "text_of",
]

LONGEST = 300
"""Most characters of a text that others chose; a longer text is cut."""
TOKEN_BYTES = 200
"""Most bytes of a token in the subject of a letter. A protocol line of NATS ends at 4,096 bytes."""
_LONGEST_ID = 4096
"""Most characters of an identity. A longer one is cut like other texts; a replay cannot restore it."""
_ROOM = 256
"""Bytes for the header of a dead letter's message, and for the encoding around its payload."""
_HEADERS = 2048
"""Most characters of all headers together."""


class DeadLetter(Masked, msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that a reader gave up, on the ``dead`` channel, as MessagePack.

    Its repr does not show the original.
    """

    id: str
    """Identity of the original event; cut to 300 characters if it has more than 4,096."""
    reason: str
    """The error's text, cut to 300 characters; withheld if `secret`, since a handler's error may quote
    the event."""
    error: str
    """Name of the error's class."""
    reader: str
    """The durable that gave it up; empty for a subscription without one."""
    subject: str = msgspec.field(name="place")  # the key that letters have on the wire
    """The subject of the original, in the transport's own terms: on NATS, the whole subject."""
    type_name: str
    """The type that the original was published under; empty if it is not known."""
    source: str
    attempts: int
    """The reader's attempts: by its own count, else the number of deliveries to it."""
    stored: str
    """RFC 3339: when the broker stored the original."""
    buried: str
    """RFC 3339: when the reader gave it up."""
    payload: SecretBytes
    """The original bytes."""
    payload_bytes: int
    """Length of the original. If it is more than ``payload`` holds, the original did not fit into the
    letter: only the events stream has all of it, at ``sequence``."""
    sequence: int
    """The original's position in its stream; 0 if the original is not stored."""
    first_failed: str = ""
    """RFC 3339: when the reader first failed to handle it; empty if that is not known."""
    last_failed: str = ""
    """RFC 3339: when the reader failed for the last time; empty if that is not known."""
    headers: dict[str, str] = {}
    """Headers of the original, as far as they fit, for people to read."""
    secret: bool = False
    """The original's type can hold a secret: do not show the payload unasked."""
    numbers: tuple[int, ...] = ()
    """Positions of the letter in the dead stream, oldest first; empty unless it was read from there.
    There are several if a reader died after burying the letter and before settling the original."""

    @property
    def number(self) -> int:
        """Number of the letter in `dms-events dead`: the first of ``numbers``, or 0 without any."""
        return self.numbers[0] if self.numbers else 0


def prepare_dead_letter(
    delivery: Delivery,
    *,
    id: str,
    error: Exception,
    reader: str,
    max_payload: int,
    attempts: int | None = None,
    first: str = "",
    last: str = "",
    aliases: Mapping[str, str] | None = None,
) -> OutgoingMessage:
    """Return a dead letter for a message, ready to send.

    The letter's id is made of the reader and the original's position. So burying the same message again
    (after a crash before the term) makes no second letter. The letter always fits, whatever the
    original's subject, identity, headers and payload are: its own subject has the original's tokens,
    shortened.
    """
    now = now_rfc3339()
    tried = delivery.attempt if attempts is None else attempts
    secret = may_hold_secret(delivery.type_name, delivery.data, aliases)
    type_name, source = delivery.type_name, delivery.source
    if not _is_text(delivery.subject + type_name + source):
        type_name = source = ""  # so that it is not replayed to another subject
    letter = DeadLetter(
        id=_text(id) if len(id) <= _LONGEST_ID else bounded(id),
        reason="withheld: its type holds a secret" if secret else bounded(text_of(error)),
        error=bounded(type(error).__name__),
        reader=reader,
        subject=_text(delivery.subject),
        type_name=type_name,
        source=source,
        attempts=tried,
        stored=rfc3339(delivery.stored_ns),
        buried=now,
        payload=b"",
        payload_bytes=len(delivery.data),
        sequence=delivery.sequence,
        first_failed=first or (now if tried == 1 else ""),
        last_failed=last or now,
        headers=_bounded_headers(delivery.headers or {}),
        secret=secret,
    )
    letter_id = f"dead:{reader}:{delivery.position_id}"
    if len(msgspec.msgpack.encode(letter)) > max_payload // 2:
        letter = msgspec.structs.replace(letter, id=bounded(id), headers={})
    room = max_payload - len(msgspec.msgpack.encode(letter)) - len(letter_id.encode()) - _ROOM
    letter = msgspec.structs.replace(letter, payload=delivery.data[: max(0, room)])
    return OutgoingMessage(
        channel="dead",
        type_name=shortened_type(type_name or "unknown.unknown", TOKEN_BYTES),
        source=shortened(source, TOKEN_BYTES),
        id=letter_id,
        data=msgspec.msgpack.encode(letter),
    )


_decode = msgspec.msgpack.Decoder(DeadLetter).decode


def decode_dead_letter(data: bytes) -> DeadLetter:
    """Read a dead letter, written by any release.

    Raises:
        DecodeError: ``data`` is not a dead letter.
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
    # Raised without a cause: a UnicodeDecodeError would hold the text.
    raise DecodeError("DeadLetter", "", reason, data)


def may_hold_secret(
    type_name: str, payload: bytes, aliases: Mapping[str, str] | None = None
) -> bool:
    """True if a message may hold a secret, as far as can be told.

    The message may be unreadable. Its type may differ from the one that it was published under, and from
    the one that its envelope names. So a word that only secrets are called by is enough.
    """
    named, texts = {type_name}, [payload.lower()]
    with suppress(DecodeError):
        envelope = decode_envelope(payload)
        named.add(envelope.type)
        texts.append(envelope.data.lower())
    if any(word in text for word in _secret_words() for text in texts):
        return True
    for written in named:
        with suppress(UnknownTypeError):
            name = (aliases or {}).get(written, written)
            if holds_secret(registry.get(name if "." in name else registry.resolve(name))):
                return True
    return False


@cache
def _secret_words() -> frozenset[bytes]:
    """Names of the types that hold secrets, and JSON keys of these secrets, in lower case."""
    words = set()
    for name in registry.names():
        if holds_secret(registry.get(name)):
            words.add(name.partition(".")[2])
            words.update(f'"{key}"' for key in secret_keys(registry.get(name)))
    return frozenset(word.lower().encode() for word in words)


def text_of(error: BaseException) -> str:
    """Return the text of an error, even if its ``__str__`` fails."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a handler's error must not keep its message from being buried
        return "the error has no text: its __str__ fails"


def _text(text: str) -> str:
    """Return the text with lone surrogates escaped, since they cannot be encoded."""
    return text.encode(errors="backslashreplace").decode()


def _is_text(text: str) -> bool:
    return _text(text) == text


def bounded(text: str) -> str:
    """Return the beginning of a text that others chose, in a form that can be encoded."""
    return _text(text[:LONGEST])


def _bounded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    room = _HEADERS
    for header in headers.items():
        name, value = map(bounded, header)
        room -= len(name) + len(value)
        if room < 0:
            break
        kept[name] = value
    return kept
