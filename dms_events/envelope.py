"""The envelope that every event travels in, on every transport.

It is a superset of the DMS ``MessageEnvelope``: Go nodes read ``Type`` and ``Data`` and ignore the
rest. Its JSON is the default; its MessagePack form holds the same with raw bytes, is smaller and
faster, and is not read by Go nodes. The first byte tells them apart.
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
    """One event on its way, with who sent it and when. Its repr does not show the event."""

    type: str = field(name="Type")
    """Registry name of the event, or what a Go node wrote there."""
    data: SecretBytes = field(name="Data")
    """The event's JSON, whatever the encoding of the envelope."""
    id: str = field(name="ID", default="")
    """UUIDv7; empty where the sender set none (Go's own messages)."""
    source: str = field(name="Source", default="")
    """Peer id of the sender; empty where it is not known."""
    time: str = field(name="Time", default="")
    """RFC 3339 with nanoseconds, kept as text."""
    trace_parent: str = field(name="TraceParent", default="")
    """W3C ``traceparent``."""


WRITERS: Final[dict[Encoding, Callable[[Envelope], bytes]]] = {
    "json": msgspec.json.Encoder().encode,
    "msgpack": msgspec.msgpack.Encoder().encode,
}
"""What `encode_envelope` calls; they raise UnicodeEncodeError for a lone surrogate."""
MSGPACK: Final = 0x80
"""The least first byte of the MessagePack form."""
read_json = typed_reader(Envelope)
"""A canonical JSON envelope, on the fast path alone."""
read_msgpack = msgspec.msgpack.Decoder(Envelope).decode


def encode_envelope(envelope: Envelope, encoding: Encoding = "json") -> bytes:
    """The bytes of an envelope.

    Raises:
        EncodeError: a text in it has a lone surrogate.
    """
    try:
        return WRITERS[encoding](envelope)
    except UnicodeEncodeError as error:
        field, reason = what_is_wrong(envelope) or ("", str(error))
        raise EncodeError("Envelope", field, reason) from error


def decode_envelope(data: bytes) -> Envelope:
    """Read an envelope in either encoding.

    Raises:
        DecodeError: it is neither; ``payload`` holds the bytes.
    """
    packed = bool(data) and data[0] >= MSGPACK
    try:
        return read_msgpack(data) if packed else read_json(data)
    except REFUSALS as error:
        reason = f"not a MessagePack envelope: {error}"
    # Without a cause: that of a bad text holds the text.
    if packed:
        raise DecodeError("Envelope", "", reason, data)
    return codec.decode(data, Envelope)  # Go may read it nevertheless


def read_envelope(data: bytes) -> Envelope | None:
    """The envelope that the bytes are; None if they are none, or it names no type."""
    try:
        envelope = decode_envelope(data)
    except DecodeError:
        return None
    return envelope if envelope.type else None
