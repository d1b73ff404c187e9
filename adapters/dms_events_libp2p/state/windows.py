"""The seqnos heard from each signer. They tell a replay, however old, from a new message."""

from __future__ import annotations

import logging
import zlib
from array import array
from bisect import bisect_right
from collections import Counter
from enum import Enum, auto

import msgspec

__all__ = ["Seen", "Windows"]

_log = logging.getLogger("dms_events")
_MOST_RANGES = 1_024
_REORDERED = 1_024
"""A number may be this much below the first number heard from its signer, and still count as new."""
_MOST_BYTES = 16 << 20
_SIGNER_BYTES = 512
_RANGE_BYTES = 18
"""Approximate bytes of a signer and of a range in Python."""
_FORM = b"dms-events seqnos 1\n"


class Seen(Enum):
    """The answer to the question whether a seqno was heard before."""

    NEW = auto()
    """The seqno was not heard before."""
    KNOWN = auto()
    """The seqno was heard before: a replay."""
    BELOW = auto()
    """The seqno may have been heard before: it is below the seqnos remembered of its signer."""


class _Signer:
    """Ascending ranges of numbers. If no message is lost, each life of the signer is one range."""

    __slots__ = ("begins", "ends", "floor")

    def __init__(self, floor: int, begins: array[int], ends: array[int]) -> None:
        self.floor = floor
        """Numbers below it may have been forgotten, or sent before this node listened."""
        self.begins = begins
        self.ends = ends

    def take(self, seqno: int) -> Seen:
        begins, ends = self.begins, self.ends
        after = bisect_right(begins, seqno)
        if after and seqno <= ends[after - 1]:
            return Seen.KNOWN
        joins_lower = after > 0 and ends[after - 1] == seqno - 1
        joins_upper = after < len(begins) and begins[after] == seqno + 1
        if joins_lower and joins_upper:
            ends[after - 1] = ends[after]
            del begins[after], ends[after]
        elif joins_lower:
            ends[after - 1] = seqno
        elif joins_upper:
            begins[after] = seqno
        else:
            begins.insert(after, seqno)
            ends.insert(after, seqno)
        seen = Seen.BELOW if seqno < self.floor else Seen.NEW
        if len(begins) > _MOST_RANGES:
            self.floor = max(self.floor, ends[0] + 1)
            del begins[0], ends[0]
        return seen


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    signer: bytes
    floor: int
    begins: list[int]
    ends: list[int]


class Windows:
    """Remembers the highest ranges of seqnos of each signer, up to 1,024.

    All signers together have 16 MiB; those that were silent the longest are forgotten. This is enough for
    30,000 signers whose numbers have few gaps, or for hundreds of signers with the most gaps.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._signers: dict[bytes, _Signer] = {}
        """The signers by id. The signer that was heard last stands last."""
        self.counts: Counter[Seen] = Counter()
        self.changed = False
        """True if a number was taken since the last dump."""

    def take(self, signer: bytes, seqno: int) -> Seen:
        """Remember a number from 0 to 2^64 - 1. Returns whether it was heard before."""
        known = self._signers.pop(signer, None)
        if known is None:
            known = _Signer(max(0, seqno - _REORDERED), array("Q"), array("Q"))
            self._bytes += _SIGNER_BYTES
        self._signers[signer] = known
        before = len(known.begins)
        seen = known.take(seqno)
        self._bytes += (len(known.begins) - before) * _RANGE_BYTES
        while self._bytes > self._most_bytes and len(self._signers) > 1:
            oldest = self._signers.pop(next(iter(self._signers)))
            self._bytes -= _SIGNER_BYTES + len(oldest.begins) * _RANGE_BYTES
        self.counts[seen] += 1
        self.changed = True
        return seen

    def dump(self) -> bytes:
        """Return all remembered numbers as bytes."""
        self.changed = False
        body = msgspec.msgpack.encode(
            [
                _Kept(signer, known.floor, known.begins.tolist(), known.ends.tolist())
                for signer, known in self._signers.items()
            ]
        )
        return _FORM + zlib.crc32(body).to_bytes(4, "big") + body

    def load(self, data: bytes) -> None:
        """Remember the numbers in bytes that `dump` returned. Other bytes are logged and left out."""
        form, body = data[: len(_FORM) + 4], data[len(_FORM) + 4 :]
        if form != _FORM + zlib.crc32(body).to_bytes(4, "big"):
            _log.warning(
                "the heard seqnos in the state folder cannot be read; their record starts empty"
            )
            return
        for kept in msgspec.msgpack.decode(body, type=list[_Kept]):
            known = _Signer(kept.floor, array("Q", kept.begins), array("Q", kept.ends))
            self._signers[kept.signer] = known
            self._bytes += _SIGNER_BYTES + len(kept.begins) * _RANGE_BYTES
