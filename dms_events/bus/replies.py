"""Replies: an event in its envelope, or an error in an envelope of the type ``requests.Error``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec

from .. import codec, registry
from ..envelope import MSGPACK, Encoding, Envelope, decode_envelope
from ..errors import BadReplyError, DecodeError, ResponderError, UnknownTypeError
from ..text import visible

__all__ = ["ERROR_TYPE", "Code", "ErrorReply", "encoding_of", "open_event", "read_reply"]

ERROR_TYPE: Final = "requests.Error"
"""The ``Type`` of the envelope of an error."""
Code = Literal["busy", "failed", "rejected", "stopping", "timeout", "undecodable"]
_SHOWN = 300

T = TypeVar("T", bound=msgspec.Struct)


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """Why a responder has no answer: the ``Data`` of an envelope of the type ``requests.Error``."""

    code: str = msgspec.field(name="Code", default="")
    """One of `Code`; other implementations may send other codes."""
    reason: str = msgspec.field(name="Reason", default="")
    """For people to read; at most 300 characters."""


def encoding_of(data: bytes) -> Encoding:
    """Return the encoding of an envelope's bytes; a reply uses the encoding of its request."""
    return "msgpack" if data and data[0] >= MSGPACK else "json"


def open_event(data: bytes, type_: type[T], aliases: Mapping[str, str]) -> tuple[Envelope, T]:
    """Return the envelope in the bytes, and its event, which must be of ``type_``.

    Raises:
        DecodeError: the bytes are no envelope, or the event is of another type, or cannot be read.
        UnknownTypeError: the envelope names no known type.
    """
    envelope, wanted = decode_envelope(data), registry.name_of(type_)
    name = aliases.get(envelope.type) or registry.resolve(envelope.type)
    if name != wanted:
        raise DecodeError(name, "", f"expected {wanted}", data)
    return envelope, codec.decode(envelope.data, type_)


def read_reply(request: str, data: bytes, type_: type[T], aliases: Mapping[str, str]) -> T:
    """Return the event that answers a request.

    Raises:
        ResponderError: the answer is an error.
        BadReplyError: the answer is no envelope of this type, or its event cannot be read.
    """
    try:
        envelope = decode_envelope(data)
        if envelope.type == ERROR_TYPE:
            error: Any = codec.decode(envelope.data, ErrorReply)
            raise ResponderError(request, _shown(error.code), _shown(error.reason))
        return open_event(data, type_, aliases)[1]
    except (DecodeError, UnknownTypeError) as error:
        reason = f"the answer cannot be read as a {type_.__name__}: {_shown(str(error))}"
        raise BadReplyError(request, reason) from error


def _shown(text: str) -> str:
    return visible(text[:_SHOWN])
