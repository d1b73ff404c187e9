"""What msgspec's typed path refuses, read with ``encoding/json``'s rules.

Keys match exactly first, then whatever their case; ``null`` leaves a field as it was; what is missing
is Go's zero value; unknown keys are ignored. One bad field rejects the whole document.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from ._shape import Field, fields_of
from .errors import DecodeError
from .types._wire import FLOAT32_LIMIT

__all__ = ["read", "reject_unknown_keys"]

T = TypeVar("T", bound=msgspec.Struct)

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_INTEGER = re.compile(rb"-?\d+")
_KINDS = {b'"': "string", b"{": "object", b"[": "array", b"t": "bool", b"f": "bool"}


@cache
def _table(type_: type[msgspec.Struct]) -> tuple[dict[str, Field], dict[str, Field]]:
    fields = fields_of(type_)
    folded = {_fold(f.key): f for f in reversed(fields)}
    return {f.key: f for f in fields}, folded


def _fold(key: str) -> str:
    """Unicode's simple case folding, as Go's: never one letter into two, as ``ß`` into ``ss``."""
    return "".join(f if len(f := c.casefold()) == 1 else c for c in key)


def read(data: bytes, type_: type[T], name: str) -> T:
    """Decode by Go's rules.

    Raises:
        DecodeError: Go rejects the document too.
    """
    return _Reader(name, data).struct(data, type_, "")


def reject_unknown_keys(data: bytes, type_: type[msgspec.Struct], name: str) -> None:
    """Raise DecodeError for a key that ``type_`` does not have, at any depth."""
    _Reader(name, data).reject_unknown_keys(data, type_, "")


class _Reader:
    def __init__(self, name: str, payload: bytes) -> None:
        self.name = name
        self.payload = payload

    def fail(self, path: str, expected: str, raw: bytes) -> DecodeError:
        number = "number " + raw[:40].decode(errors="replace")
        got = _KINDS.get(raw[:1], number if raw[:1] in b"-0123456789" else "null")
        return DecodeError(self.name, path, f"expected {expected}, got {got}", self.payload)

    def struct(self, raw: bytes, type_: type[T], path: str) -> T:
        if raw.strip() == b"null":
            raw = b"{}"
        exact, folded = _table(type_)
        values: dict[str, Any] = {}
        for key, item in self.members(raw, path).items():
            field = exact.get(key) or folded.get(_fold(key))
            if field is not None and bytes(item) != b"null":
                here = f"{path}.{field.key}" if path else field.key
                values[field.attribute] = self.value(bytes(item), field.type, here)
        for field in exact.values():
            if field.attribute not in values:
                values[field.attribute] = self.zero(field.type)
        return type_(**values)

    def members(self, raw: bytes, path: str) -> dict[str, msgspec.Raw]:
        try:
            return _members.decode(raw)
        except msgspec.ValidationError:
            raise self.fail(path, "object", raw.strip()) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(self.name, path, str(error), self.payload) from error

    def reject_unknown_keys(self, raw: bytes, type_: type[msgspec.Struct], path: str) -> None:
        exact, _ = _table(type_)
        for key, item in self.members(raw, path).items():
            here = f"{path}.{key}" if path else key
            if key not in exact:
                raise DecodeError(self.name, here, "unknown key", self.payload)
            nested = exact[key].type
            if isinstance(nested, inspect.StructType):
                self.reject_unknown_keys(bytes(item), nested.cls, here)

    def value(self, raw: bytes, type_: inspect.Type, path: str) -> Any:
        match type_:
            case inspect.StructType(cls=nested):
                return self.struct(raw, nested, path)
            case inspect.StrType():
                return self.string(raw, path)
            case inspect.FloatType():
                return self.float32(raw, path)
            case inspect.IntType(ge=low, le=high):
                if not _INTEGER.fullmatch(raw):
                    raise self.fail(path, "integer", raw)
                if len(raw) > 20 or not (low or 0) <= int(raw) <= (high or 0):
                    raise self.fail(path, f"integer in {low}..{high}", raw)
                return int(raw)
            case inspect.BytesType():
                return self.base64(raw, path)
        raise NotImplementedError(type_)

    def string(self, raw: bytes, path: str) -> str:
        if raw[:1] != b'"':
            raise self.fail(path, "string", raw)
        try:
            return msgspec.json.decode(raw, type=str)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DecodeError(self.name, path, str(error), self.payload) from error

    def float32(self, raw: bytes, path: str) -> float:
        if raw[:1] not in b"-0123456789":
            raise self.fail(path, "number", raw)
        number = float(raw)
        if -FLOAT32_LIMIT < number < FLOAT32_LIMIT:
            return number
        # The limit's own double also stands for decimals just below it, which Go rounds down.
        if _INTEGER.fullmatch(raw) and len(raw) < 50 and abs(int(raw)) < FLOAT32_LIMIT:
            return 2.0**128 - 2.0**104 if number > 0 else 2.0**104 - 2.0**128
        raise self.fail(path, "float32", raw)

    def base64(self, raw: bytes, path: str) -> bytes:
        if raw[:1] == b"[":
            try:
                return bytes(item or 0 for item in msgspec.json.decode(raw, type=list[int | None]))
            except (msgspec.MsgspecError, ValueError):
                raise self.fail(path, "bytes", raw) from None
        text = self.string(raw, path).replace("\r", "").replace("\n", "")
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise DecodeError(self.name, path, f"not base64: {error}", self.payload) from error

    def zero(self, type_: inspect.Type) -> Any:
        match type_:
            case inspect.StructType(cls=nested):
                return self.struct(b"{}", nested, "")
            case inspect.StrType():
                return ""
            case inspect.FloatType():
                return 0.0
            case inspect.IntType():
                return 0
            case inspect.BytesType():
                return b""
        raise NotImplementedError(type_)
