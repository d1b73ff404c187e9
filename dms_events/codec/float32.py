"""Write a number as Go writes a float32: the shortest text."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from math import frexp
from struct import Struct
from typing import Final

from ..types._wire import FLOAT32_LIMIT

__all__ = ["searched", "shortest"]

_FLOAT32: Final = Struct("<f")
_EXACT: Final = 2.0**24
"""Up to here a float32 holds every integer."""
_LEAST: Final = 2.0**-126
_MOST: Final = 1e38
"""From the least to the most, float32 numbers are dense enough that no text of fewer than six digits is
shorter than the one of six without its zeros, and no text rounds up beyond MaxFloat32."""
_INTEGER: Final = 2.0**53
_ROUNDINGS: Final = [
    Context(prec=digits, rounding=rounding)
    for digits in range(1, 10)
    for rounding in (ROUND_HALF_EVEN, ROUND_UP)
]
"""From few digits to many. Above a power of two the nearest text may be too low; the next is right."""


def shortest(number: float) -> str:
    """Return the shortest text, without an exponent, of the float32 nearest to a number in its range."""
    packed = _FLOAT32.pack(number)
    (single,) = _FLOAT32.unpack(packed)
    if -_EXACT <= single <= _EXACT and single.is_integer():
        return str(int(single))
    size = abs(single)
    # Below a power of two the steps are half as wide as above it, so the nearest text may not be right.
    if not _LEAST <= size <= _MOST or frexp(size)[0] == 0.5:
        return searched(single, packed)
    text = format(single, ".8g")
    if not _reads_as(text, packed):
        text = format(single, ".9g")
    elif _reads_as(shorter := format(single, ".7g"), packed):
        text = format(single, ".6g")
        if not _reads_as(text, packed):
            text = shorter
    if "e" not in text:
        return text
    return str(int(float(text))) if _EXACT < size < _INTEGER else f"{Decimal(text):f}"


def _reads_as(text: str, packed: bytes) -> bool:
    return _FLOAT32.pack(float(text)) == packed


def searched(single: float, packed: bytes) -> str:
    """Return the same by trying all numbers of digits, and both roundings: slow, and right for all.

    Args:
        single: a float32 that is no integer up to 2**24.
        packed: its four bytes, the lowest first.
    """
    exact = Decimal(single)
    for context in _ROUNDINGS:
        text = f"{context.plus(exact):f}"
        # A text that rounds up beyond MaxFloat32 cannot be packed.
        if abs(float(text)) < FLOAT32_LIMIT and _FLOAT32.pack(float(text)) == packed:
            break
    return text.rstrip("0").rstrip(".") if "." in text else text
