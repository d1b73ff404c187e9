"""Bytes to Structs and back, with the meaning of Go's ``encoding/json``.

*Write strictly*: what Go could not read is refused. *Read as Go reads*: a canonical document takes
msgspec's typed path; what that path refuses gets a second look by Go's rules (`_second_look`).
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from . import _second_look, registry
from ._checks import check_for, explain
from .errors import DecodeError, EncodeError, UnknownTypeError

__all__ = ["decode", "encode", "second_looks"]

T = TypeVar("T", bound=msgspec.Struct)


def _plain(value: object) -> object:
    """What msgspec has no encoding for: subclasses of the plain types, which `explain` let pass."""
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case bytes():
            return bytes(value)
    raise TypeError(f"cannot encode {type(value).__name__}")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)

second_looks = 0
"""How many documents of this process needed the second look; canonical ones never do."""


def encode(obj: msgspec.Struct) -> bytes:
    """The JSON of a Struct, such that Go reads the same value.

    Raises:
        EncodeError: a value is NaN, infinite, out of the Go type's range or of the wrong type. The
            error names the field; nothing is turned into ``null`` or truncated.
    """
    type_ = type(obj)
    try:
        if check_for(type_)(obj):
            return _encode(obj)
    except UnicodeEncodeError:
        pass  # `explain` finds the string
    if wrong := explain(obj, type_):
        raise EncodeError(_name(type_), *wrong)
    return _encode(obj)


def decode(data: bytes, type: type[T], *, strict: bool = False) -> T:
    """Read JSON as Go's ``encoding/json`` would.

    ``strict`` also rejects missing and unknown keys.

    Raises:
        DecodeError: Go would reject the document, or it is not canonical and ``strict`` is set. The
            error says the type, where in it and why, and carries the bytes as ``payload``.
    """
    decoder = _decoders.get(type)
    if decoder is None:
        decoder = _decoders[type] = msgspec.json.Decoder(type)
    try:
        event: T = decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _look_again(data, type, error, strict)
    if strict:
        _second_look.reject_unknown_keys(data, type, _name(type))
    return event


def _look_again(data: bytes, type_: type[T], error: Exception, strict: bool) -> T:
    global second_looks  # noqa: PLW0603
    second_looks += 1
    if strict or not isinstance(error, msgspec.ValidationError):
        raise _decode_error(error, type_, data) from error
    return _second_look.read(data, type_, _name(type_))


def _decode_error(error: Exception, type_: type, data: bytes) -> DecodeError:
    found = _PATH.match(str(error))
    path, reason = (found["path"] or "", found["reason"]) if found else ("", str(error))
    return DecodeError(_name(type_), path, reason or "is not JSON", data)


def _name(type_: type) -> str:
    try:
        return registry.name_of(type_)
    except UnknownTypeError:
        return type_.__name__
