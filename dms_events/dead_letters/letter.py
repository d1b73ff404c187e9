"""The dead letter itself: its fields, how it is made of a message, encoded and decoded."""

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
"""Characters of a text that others chose; a longer one is cut."""
TOKEN_BYTES = 200
"""Most bytes of a token in the subject of a letter. A protocol line of NATS ends at 4,096 bytes."""
_LONGEST_ID = 4096
"""Characters of an identity; a longer one is cut like other texts, and cannot be given to a replay."""
_ROOM = 256
"""Bytes for the header of a dead letter's message, and for what its payload adds to the encoding."""
_HEADERS = 2048
"""Characters of all headers."""


class DeadLetter(Masked, msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that a reader gave up, on the ``dead`` channel, as MessagePack.

    Its repr does not show the original.
    """

    id: str
    """Identity of the original event; cut to 300 characters where it has more than 4,096."""
    reason: str
    """The error's text, cut to 300 characters; withheld where `secret`, since a handler's error may
    quote what it handled."""
    error: str
    """Name of the error's class."""
    reader: str
    """The durable that gave it up; empty for a subscription without one."""
    subject: str = msgspec.field(name="place")  # the key that letters have on the wire
    """Where the original was published: on NATS, its whole subject."""
    type_name: str
    """The type it was published under; empty where that is not known."""
    source: str
    attempts: int
    """How often that reader tried: by its own count, else how often it was delivered to it."""
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
    first_failed: str = ""
    """RFC 3339: when the reader first failed at it; empty where that is not known."""
    last_failed: str = ""
    """RFC 3339: when it failed for the last time; empty where that is not known."""
    headers: dict[str, str] = {}
    """What the transport carried beside the original, as far as it fits: to look at."""
    secret: bool = False
    """The original's type can hold a secret: do not show the payload unasked."""
    numbers: tuple[int, ...] = ()
    """Its positions in the dead stream, oldest first; empty until it is read from there. There are
    several where its reader died between burying it and settling the original."""

    @property
    def number(self) -> int:
        """What `dms-events dead` calls it by: the first of ``numbers``, 0 where there is none."""
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
    """A dead letter that is ready to send.

    Its own id is made of the reader and the original's position, so that burying the same message again
    (after a crash before the term) is not a second letter. It fits, whatever the original's subject,
    identity, headers and payload are: its own subject has the original's tokens, shortened.
    """
    now = now_rfc3339()
    tried = delivery.attempt if attempts is None else attempts
    secret = may_hold_secret(delivery.type_name, delivery.data, aliases)
    type_name, source = delivery.type_name, delivery.source
    if not _is_text(delivery.subject + type_name + source):
        type_name = source = ""  # so that it is not replayed to another place than it came from
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
    """Read a dead letter, whichever release wrote it.

    Raises:
        DecodeError: it is none.
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
    # Without a cause: that of a bad text holds the text.
    raise DecodeError("DeadLetter", "", reason, data)


def may_hold_secret(
    type_name: str, payload: bytes, aliases: Mapping[str, str] | None = None
) -> bool:
    """Whether a message may hold a secret, as far as can be told.

    It could not be read, and may be an event of another type than the one it was published under, or than
    its envelope names. So a word that only secrets are called by is enough.
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
    """The names of the types that hold a secret and the keys of those secrets in JSON, in lower case."""
    words = set()
    for name in registry.names():
        if holds_secret(registry.get(name)):
            words.add(name.partition(".")[2])
            words.update(f'"{key}"' for key in secret_keys(registry.get(name)))
    return frozenset(word.lower().encode() for word in words)


def text_of(error: BaseException) -> str:
    """What an error says, whatever its ``__str__`` does."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a handler's error must not keep its message from being buried
        return "the error has no text: its __str__ fails"


def _text(text: str) -> str:
    """The text, with lone surrogates escaped: nobody could encode them."""
    return text.encode(errors="backslashreplace").decode()


def _is_text(text: str) -> bool:
    return _text(text) == text


def bounded(text: str) -> str:
    """The beginning of a text that others chose, such that it can be encoded."""
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
