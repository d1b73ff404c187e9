"""The public functions `encode` and `decode`, and the choice of the path.

*Write strictly*: an event that Go could not read is refused. *Read as Go reads*: a canonical document
takes the fast path, which is msgspec's typed decoder. If the fast path refuses a document or cannot judge
it, the document takes the slow path, which decodes by Go's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeVar

import msgspec

from .. import registry
from ..errors import DecodeError, EncodeError, UnknownTypeError
from ..types._wire import to_wire
from .check import check_for, checks
from .diagnose import what_is_wrong
from .fast import REFUSALS, Reader, typed_reader

__all__ = ["decode", "encode", "slow_path_count"]

T = TypeVar("T")


def _plain(value: object) -> object:
    """Convert a value that msgspec cannot encode: a type of ours, or a subclass of a plain type."""
    try:
        return to_wire(value)
    except TypeError:
        pass
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case bytes():
            return bytes(value)
        case datetime():
            return datetime.fromisoformat(value.isoformat())
    raise TypeError(f"cannot encode {type(value).__name__}")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
_readers: dict[Any, Reader] = {}

_slow_path_count = 0


def slow_path_count() -> int:
    """Return how many documents this process decoded on the slow path; canonical ones never take it."""
    return _slow_path_count


def encode(obj: object) -> bytes:
    """Return the JSON of a Struct or of another value of a DMS type; Go reads the same value from it.

    Raises:
        EncodeError: a value is NaN, infinite, out of the Go type's range or of the wrong type. The
            error names the field; nothing is turned into ``null`` or truncated.
    """
    try:
        if checks[obj.__class__](obj):
            return _encode(obj)
    except KeyError:
        check_for(type(obj))
    except (UnicodeEncodeError, RecursionError):
        pass  # `what_is_wrong` names the place
    if wrong := what_is_wrong(obj):
        raise EncodeError(_name(type(obj)), *wrong)
    try:
        return _encode(obj)
    except (TypeError, RecursionError) as error:
        reason = str(error)
    raise EncodeError(_name(type(obj)), "", reason)


def decode(data: bytes, type: type[T], *, strict: bool = False) -> T:
    """Read a JSON document as Go's ``encoding/json`` reads it.

    ``strict`` also rejects missing, unknown and repeated keys, and null where Go writes a value.

    Raises:
        DecodeError: Go would reject the document, or ``strict`` rejects it. The error has the type, the
            place in the document and the reason, and carries the bytes as ``payload``.
    """
    then: Callable[..., T] | None = None
    try:
        event: T = _readers[type](data)
        if not strict:
            return event
    except KeyError:
        then = decode
    except REFUSALS:
        then = _decode_slowly
    # Not in the except blocks: as context of the next error, their errors would show secret values.
    if then is decode:
        _readers[type] = typed_reader(type)
        return decode(data, type, strict=strict)
    if then:
        event = then(data, type)
    if strict:
        from . import strict as strict_form

        strict_form.check(data, type, partial(_refusal, type, data))
    return event


def _decode_slowly(data: bytes, type_: Any) -> Any:
    global _slow_path_count  # noqa: PLW0603
    _slow_path_count += 1
    return _slow_path()(data, type_, partial(_refusal, type_, data))


@cache
def _slow_path() -> Callable[..., Any]:
    """Import the Go decoder late: most programs never need it, and its import takes time."""
    from .go import read

    return read


def _refusal(type_: Any, data: bytes, path: str, reason: str) -> DecodeError:
    return DecodeError(_name(type_), path, reason, data)


def _name(type_: Any) -> str:
    try:
        return registry.name_of(type_)
    except (UnknownTypeError, TypeError):
        return str(getattr(type_, "__name__", type_))
