"""One text for a call, whichever side wrote its number."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.codec.float32 import searched
from dms_events.sink import call_key
from tests.kit.documents.strategies import FLOAT32_MAX


def single(number: float) -> float:
    value: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return value


def neighbour(number: float, step: int) -> Fraction:
    """The next float32, as an exact number; beyond the largest as if the range went on."""
    if abs(number) == FLOAT32_MAX and step * number > 0:
        return Fraction(math.copysign(2.0**128, number))
    if number == 0.0:
        return step * Fraction(1, 2**149)
    (bits,) = struct.unpack("<I", struct.pack("<f", abs(number)))
    (found,) = struct.unpack("<f", struct.pack("<I", bits + (step if number > 0 else -step)))
    return Fraction(math.copysign(found, number))


def reads_as(text: str, number: float) -> bool:
    """Whether float32(text) is ``number``, in exact arithmetic."""
    exact, middle = Fraction(text), Fraction(number)
    low, high = ((neighbour(number, step) + middle) / 2 for step in (-1, 1))
    (bits,) = struct.unpack("<I", struct.pack("<f", number))
    return low <= exact <= high if bits % 2 == 0 else low < exact < high


def digits(text: str) -> int:
    return len(text.lstrip("-").replace(".", "").strip("0"))


def fewest_digits(number: float) -> int:
    """By trying: the fewest significant digits that read as ``number``."""
    exact = abs(Fraction(number))
    exponent = math.floor(math.log10(abs(number)))
    for count in range(1, 10):
        unit = Fraction(10) ** (exponent - count + 1)
        for candidate in (exact // unit, exact // unit + 1):
            if reads_as(str(candidate * unit), abs(number)):
                return count
    raise AssertionError(number)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False).filter(bool))
def test_the_call_key_is_the_shortest_text_of_the_float32(number: float) -> None:
    key = call_key(number)
    assert "e" not in key.lower()
    assert reads_as(key, number)
    assert digits(key) <= fewest_digits(number) or abs(number) <= 2**24 == number // 1


@pytest.mark.parametrize("exponent", range(-149, 128))
def test_the_call_key_of_a_power_of_two_is_the_shortest_too(exponent: int) -> None:
    number = 2.0**exponent
    assert reads_as(call_key(number), number)
    assert digits(call_key(number)) <= max(fewest_digits(number), 8 if number.is_integer() else 0)


@given(st.integers(0, 2**32 - 1).filter(lambda bits: bits >> 23 & 0xFF != 0xFF))
def test_the_call_key_of_any_bits_is_the_one_that_a_search_finds(bits: int) -> None:
    packed = struct.pack("<I", bits)
    (number,) = struct.unpack("<f", packed)
    whole = number.is_integer() and abs(number) <= 2**24
    assert call_key(number) == (str(int(number)) if whole else searched(number, packed))


@given(st.floats(-FLOAT32_MAX, FLOAT32_MAX))
def test_both_sides_of_a_call_have_one_key(number: float) -> None:
    assert call_key(number) == call_key(single(number))


@pytest.mark.parametrize(
    ("number", "key"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (7, "7"),
        (-3.0, "-3"),
        (0.1, "0.1"),
        (1.5, "1.5"),
        (16_777_216.0, "16777216"),
        (16_777_217.0, "16777216"),
        (4_294_967_295.0, "4294967300"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (FLOAT32_MAX, "340282350000000000000000000000000000000"),
        (-FLOAT32_MAX, "-340282350000000000000000000000000000000"),
        (3.4028235e38, "340282350000000000000000000000000000000"),
        (math.nextafter(2.0**128 - 2.0**103, 0), "340282350000000000000000000000000000000"),
    ],
)
def test_call_keys_are_plain_text(number: float, key: str) -> None:
    assert call_key(number) == key
