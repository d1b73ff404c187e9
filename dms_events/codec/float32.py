"""Write a number as Go writes a float32: the shortest text."""

from __future__ import annotations

import struct
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal

from ..types._wire import FLOAT32_LIMIT

__all__ = ["shortest"]

_ROUNDINGS = [
    Context(prec=digits, rounding=rounding)
    for digits in range(1, 10)
    for rounding in (ROUND_HALF_EVEN, ROUND_UP)
]
"""From few digits to many. Above a power of two the nearest text may be too low; the next is right."""


def shortest(number: float) -> str:
    """Return the shortest text, without an exponent, of the float32 nearest to a number in its range."""
    packed = struct.pack("<f", number)
    single = struct.unpack("<f", packed)[0]
    if single.is_integer() and abs(single) <= 2**24:
        return str(int(single))
    exact = Decimal(single)
    for context in _ROUNDINGS:
        text = f"{context.plus(exact):f}"
        # A text that rounds up beyond MaxFloat32 cannot be packed.
        if abs(float(text)) < FLOAT32_LIMIT and struct.pack("<f", float(text)) == packed:
            break
    return text.rstrip("0").rstrip(".") if "." in text else text
