"""The envelope that every event travels in, on every transport.

It is a superset of the DMS ``MessageEnvelope``: Go nodes read ``Type`` and ``Data`` and ignore the
rest. JSON is the default form. The MessagePack form holds the same with raw bytes and is smaller and
faster, but Go nodes cannot read it. The first byte tells the two forms apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from msgspec import field

from . import codec
from .codec.diagnose import what_is_wrong
from .codec.fast import REFUSALS, typed_reader
from .errors import DecodeError, EncodeError
from .types._secrets import Masked, SecretBytes

__all__ = [
    "MSGPACK",
    "WRITERS",
    "Encoding",
    "Envelope",
    "decode_envelope",
    "encode_envelope",
    "read_envelope",
    "read_json",
    "read_msgpack",
]

Encoding = Literal["json", "msgpack"]


class Envelope(Masked, msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One event in transit, with its sender and time. The repr does not show the event."""

    type: str = field(name="Type")
    """Registry name of the event, or the text that a Go node wrote."""
    data: SecretBytes = field(name="Data")
    """The event's JSON, whatever the encoding of the envelope."""
    id: str = field(name="ID", default="")
    """UUIDv7; empty if the sender set none (Go's own messages)."""
    source: str = field(name="Source", default="")
    """Peer id of the sender; empty if it is not known."""
    time: str = field(name="Time", default="")
    """RFC 3339 with nanoseconds, kept as text."""
    trace_parent: str = field(name="TraceParent", default="")
    """W3C ``traceparent``."""


WRITERS: Final[dict[Encoding, Callable[[Envelope], bytes]]] = {
    "json": msgspec.json.Encoder().encode,
    "msgpack": msgspec.msgpack.Encoder().encode,
}
"""The encoders that `encode_envelope` calls. They raise UnicodeEncodeError for a lone surrogate."""
MSGPACK: Final = 0x80
"""Smallest first byte of the MessagePack form."""
read_json = typed_reader(Envelope)
"""Reads a canonical JSON envelope, on the fast path only."""
read_msgpack = msgspec.msgpack.Decoder(Envelope).decode


def encode_envelope(envelope: Envelope, encoding: Encoding = "json") -> bytes:
    """Return the bytes of an envelope.

    Raises:
        EncodeError: a text in the envelope has a lone surrogate.
    """
    try:
        return WRITERS[encoding](envelope)
    except UnicodeEncodeError as error:
        field, reason = what_is_wrong(envelope) or ("", str(error))
        raise EncodeError("Envelope", field, reason) from error


def decode_envelope(data: bytes) -> Envelope:
    """Read an envelope in either encoding.

    Raises:
        DecodeError: ``data`` has neither encoding; the error's ``payload`` holds the bytes.
    """
    packed = bool(data) and data[0] >= MSGPACK
    try:
        return read_msgpack(data) if packed else read_json(data)
    except REFUSALS as error:
        reason = f"not a MessagePack envelope: {error}"
    # Raised without a cause: a UnicodeDecodeError would hold the text.
    if packed:
        raise DecodeError("Envelope", "", reason, data)
    return codec.decode(data, Envelope)  # Go may read it nevertheless


def read_envelope(data: bytes) -> Envelope | None:
    """Return the envelope in the bytes; None if they are no envelope, or it names no type."""
    try:
        envelope = decode_envelope(data)
    except DecodeError:
        return None
    return envelope if envelope.type else None
