"""The window of seqnos of a signer: what was heard before is never taken for new."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events_libp2p.state import windows
from dms_events_libp2p.state.windows import Seen, Windows

NEW, KNOWN, BELOW = Seen.NEW, Seen.KNOWN, Seen.BELOW
HOUR_NS = 3_600 * 10**9
NUMBERS = st.one_of(st.integers(0, 40), st.integers(0, 2**64 - 1))


def take(heard: Windows, *numbers: int, signer: bytes = b"signer") -> list[Seen]:
    return [heard.take(signer, number) for number in numbers]


def test_a_number_is_new_once_in_any_order() -> None:
    now = time.time_ns()
    numbers = [now + n for n in range(3_000)]
    mixed = [number for at in range(0, 3_000, 500) for number in numbers[at : at + 500][::-1]]
    heard = Windows()
    assert set(take(heard, *mixed)) == {NEW}
    assert set(take(heard, *mixed)) == {KNOWN}
    assert heard.counts == {NEW: 3_000, KNOWN: 3_000}


def test_the_next_life_of_a_signer_is_new() -> None:
    now = time.time_ns()
    heard = Windows()
    assert take(heard, now, now + 1, now + HOUR_NS, now + 2, now) == [NEW, NEW, NEW, NEW, KNOWN]


def test_the_numbers_of_a_clock_that_was_set_back_are_below_and_remembered() -> None:
    now = time.time_ns()
    back = now - HOUR_NS
    heard = Windows()
    assert take(heard, now, back, back + 1, back) == [NEW, BELOW, BELOW, KNOWN]


def test_what_is_forgotten_is_below() -> None:
    heard = Windows()
    numbers = range(10**6, 10**6 + 3_000, 2)
    assert set(take(heard, *numbers)) == {NEW}
    again = take(heard, *numbers)
    assert again == [BELOW] * (1_500 - 1_024) + [KNOWN] * 1_024


@given(st.lists(NUMBERS, max_size=200), st.integers(1, 6))
def test_what_was_heard_is_never_new_and_what_was_not_is_never_known(
    numbers: list[int], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_MOST_RANGES", most)
        heard, before = Windows(), set[int]()
        for at, number in enumerate(numbers):
            if at % 50 == 49:
                data, heard = heard.dump(), Windows()
                heard.load(data)
            seen = heard.take(b"signer", number)
            assert seen is not (NEW if number in before else KNOWN)
            before.add(number)


def test_signers_are_bounded_and_the_longest_silent_is_forgotten() -> None:
    heard = Windows(most_bytes=100_000)
    for number in range(1_000):
        take(heard, number, signer=b"steady")
        take(heard, *(random.getrandbits(64) for _ in range(20)), signer=b"%d" % number)
    assert heard._bytes <= 100_000
    assert take(heard, 0, signer=b"steady") == [KNOWN]
    assert heard.counts[KNOWN] == 1
    assert len(heard.dump()) < 100_000


def test_tens_of_thousands_of_signers_are_remembered() -> None:
    heard = Windows()
    for number in range(30_000):
        take(heard, number, signer=b"%d" % number)
    assert take(heard, 0, signer=b"0") == [KNOWN]


@pytest.mark.parametrize("at", [0, 5, 21, 30, -1])
def test_damage_of_any_byte_is_noticed(at: int, caplog: pytest.LogCaptureFixture) -> None:
    heard = Windows()
    take(heard, 1, 2, 3)
    data = bytearray(heard.dump())
    data[at] ^= 1
    other = Windows()
    other.load(bytes(data))
    assert "their record starts empty" in caplog.text
    assert take(other, 1) == [NEW]
