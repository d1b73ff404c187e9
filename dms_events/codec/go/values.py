"""Decode scalars as Go does: numbers, times, base64 and untyped values."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from ...types._wire import FLOAT32_LIMIT
from .parse import Escaped, Tree, kind_of

__all__ = [
    "NoDatetimeError",
    "WrongValueError",
    "expected",
    "float32",
    "float64",
    "from_base64",
    "integer",
    "time",
    "untyped",
]

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_FLOAT32 = struct.Struct("<f")


class WrongValueError(Exception):
    """Go rejects a value, for a reason; ``path`` grows from the value outwards."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


class NoDatetimeError(WrongValueError):
    """A time that Go can read, but that no Python datetime can hold."""


def expected(what: str, got: Tree, *, show: bool = False) -> WrongValueError:
    """Return the usual error. ``show`` includes the number; never use it for a secret field."""
    if show and isinstance(got, bytes):
        return WrongValueError(f"expected {what}, got {got[:40].decode()}")
    return WrongValueError(f"expected {what}, got {kind_of(got)}")


def integer(low: int, high: int, name: str, *, show: bool = True) -> Callable[[Tree], int]:
    """Return a reader of integers of Go's type ``name``, with its limits; errors ``show`` the number."""

    def take(tree: Tree) -> int:
        if type(tree) is bytes and len(tree) <= 20:
            digits = tree[1:] if low and tree[:1] == b"-" else tree
            if digits.isdigit() and low <= (value := int(tree)) <= high:
                return value
        raise expected(name, tree, show=show)

    return take


def float64(number: bytes) -> float:
    """Return the nearest double."""
    value = float(number)
    if math.isinf(value):
        raise expected("float64", number, show=True)
    return value


def float32(number: bytes) -> float:
    """Return a double near the number that rounds to the same float32 as the number itself."""
    value = float(number)
    if len(number) > 15 and abs(value) <= FLOAT32_LIMIT:
        below, above = _neighbours(value)
        if below != above and (below + above) / 2 == value:
            # The double lies just between two float32: only the digits tell which one is right.
            exact = Decimal(number.decode())
            if exact != value:
                value = above if exact > value else below
    if abs(value) >= FLOAT32_LIMIT:
        raise expected("float32", number, show=True)
    return value


def _neighbours(value: float) -> tuple[float, float]:
    """Return the float32 of the two doubles beside a double; beyond the largest float32, ±2^128."""
    return _single(math.nextafter(value, -math.inf)), _single(math.nextafter(value, math.inf))


def _single(value: float) -> float:
    if abs(value) >= FLOAT32_LIMIT:
        return math.copysign(2.0**128, value)
    single: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    return single


def from_base64(text: str) -> bytes:
    """Decode standard base64 with padding; line ends are skipped."""
    if "\n" in text or "\r" in text:
        text = text.replace("\r", "").replace("\n", "")
    if len(text) % 4 == 0:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise WrongValueError("not standard base64 with padding")


def time(text: str) -> datetime:
    """Read RFC 3339 as Go's ``time.Parse`` does, to the microsecond."""
    parts = None if isinstance(text, Escaped) else _TIME.fullmatch(text)
    if parts is None:
        raise WrongValueError("not an RFC 3339 time")
    *moment, fraction, sign, hours, minutes = parts.groups()
    offset = 0 if sign is None else int(hours) * 60 + int(minutes)
    if sign is not None and (int(hours) > 24 or int(minutes) > 60):
        raise WrongValueError("the time's offset is out of range")
    try:
        zone = timezone(timedelta(minutes=-offset if sign == "-" else offset)) if offset else UTC
        whole = datetime(*map(int, moment), tzinfo=zone)  # type: ignore[arg-type, misc]
    except ValueError as error:
        reason = str(error)
    else:
        microseconds = (int(f"{fraction or 0:0<9}"[:9]) + 500) // 1000
        try:
            return whole + timedelta(microseconds=microseconds)
        except OverflowError:
            return whole.replace(microsecond=999_999)
    wrong = NoDatetimeError if _is_time_of_day(moment) else WrongValueError
    raise wrong(f"the time cannot be told: {reason}")


def _is_time_of_day(moment: list[str]) -> bool:
    """True if that time exists on that day of the year; the year 0 is valid, and a leap year."""
    year, *rest = map(int, moment)
    try:
        datetime(year or 4, *rest)  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def untyped(tree: Tree) -> Any:
    """Return a value for Go's ``any``, at any depth: every number has the value of its float64."""
    todo: list[tuple[Any, Tree]] = []
    result = _begun(tree, todo)
    while todo:
        value, inner = todo.pop()
        if type(value) is dict:
            # Of a repeated key only the last value counts, even if an earlier value is wrong.
            for key, item in dict(inner).items():
                value[str(key)] = _begun(item, todo)
        else:
            for item in inner:
                value.append(_begun(item, todo))
    return result


def _begun(tree: Tree, todo: list[tuple[Any, Tree]]) -> Any:
    """Return a scalar's value, or an empty container; its items are added to ``todo``."""
    value: Any
    if type(tree) is bytes:
        return _number(tree)
    if type(tree) is tuple:
        value = {}
    elif type(tree) is list:
        value = []
    else:
        return str(tree) if type(tree) is Escaped else tree
    if tree:
        todo.append((value, tree))
    return value


def _number(number: bytes) -> int | float:
    """Return an integer if it has the same value as the float64; else the float64."""
    value = float64(number)
    if number.isdigit() or (number[1:].isdigit() and value != 0.0):
        if abs(value) < 2**53:
            return int(number)
        if len(number) < 400 and int(number) == value:
            return int(number)
    return value
