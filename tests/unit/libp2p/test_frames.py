"""Frames of a gossip stream, whole or in pieces, and those that are none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing

from dms_events_libp2p.addresses.acl import AccessList
from dms_events_libp2p.workarounds import Admission, BadFrameError, Frames


class Pieces:
    """A stream that gives these pieces, and then waits."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = list(pieces)

    async def read(self, most: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._pieces:
            await trio.sleep_forever()
        return self._pieces.pop(0)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """In a time that passes as soon as all wait."""
    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def read(*pieces: bytes, count: int = 1, limit: int = 1_000) -> list[bytes]:
    async def main() -> list[bytes]:
        frames = Frames(Pieces(pieces), limit)
        return [await frames.next() for _ in range(count)]

    found: list[bytes] = run(main)
    return found


def test_frames_are_read_however_they_are_cut() -> None:
    wire = b"\x03abc\x00\xac\x02" + b"x" * 300 + b"\x01y"
    whole = [b"abc", b"", b"x" * 300, b"y"]
    assert read(wire, count=4) == whole
    assert read(*(wire[n : n + 1] for n in range(len(wire))), count=4) == whole
    assert read(*(wire[n : n + 7] for n in range(0, len(wire), 7)), count=4) == whole


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"\xe9\x07", "a frame of 1001 bytes is over 1000"),
        (b"\x80" * 9 + b"\x01", "is over 1000"),
        (b"\xff" * 10, "does not end"),
    ],
)
def test_what_is_no_frame_is_refused(wire: bytes, says: str) -> None:
    with pytest.raises(BadFrameError, match=says):
        read(wire)


@pytest.mark.parametrize("wire", [b"\x0aabc", b"\xff"], ids=["frame", "length"])
def test_a_frame_that_does_not_end_is_not_waited_for(wire: bytes) -> None:
    with pytest.raises(BadFrameError, match="did not end within 30 s"):
        read(wire)


def test_the_next_frame_may_take_as_long_as_it_likes() -> None:
    async def main() -> bool:
        frames = Frames(Pieces([b"\x01a"]), 10)
        await frames.next()
        with trio.move_on_after(3_600) as hour:
            await frames.next()
        return bool(hour.cancelled_caught)

    assert run(main)


def test_an_address_is_refused_for_a_time_and_a_peer_for_good() -> None:
    now = 0.0
    admission = Admission("own", 2, 60.0, AccessList(), clock=lambda: now)
    admission.refuse("peer", {"192.0.2.1"})
    assert not admission.take("192.0.2.1")
    assert admission.take("192.0.2.2")
    assert admission.refuses_peer("peer")
    now = 61.0
    assert admission.take("192.0.2.1")
    assert admission.refuses_peer("peer")
    assert not admission.refuses_peer("other")


def test_the_addresses_of_an_ipv6_network_count_as_one() -> None:
    admission = Admission("", 2, 60.0, AccessList())
    taken = [admission.take(f"2001:db8::{n}") for n in range(3)]
    assert taken == [True, True, False]
    assert admission.take("2001:db8:0:1::1")
    admission.give_back("2001:db8::1")
    assert admission.take("2001:db8::9")
    admission.refuse("peer", {"2001:db8:0:1::1"})
    assert not admission.take("2001:db8:0:1::2")
    assert admission.take("192.0.2.1")


def test_a_place_of_an_address_is_given_back() -> None:
    admission = Admission("own", 2, 60.0, AccessList())
    assert [admission.take("192.0.2.1") for _ in range(3)] == [True, True, False]
    admission.give_back("192.0.2.1")
    assert admission.take("192.0.2.1")
    assert admission.refused == 1
