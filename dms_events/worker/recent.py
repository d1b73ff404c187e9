"""Recent numbers: a bounded memory of 64-bit numbers, for millions of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["Recent"]


_FIRST = 24_000
_Table: TypeAlias = tuple[memoryview, int]
"""A hash table, in which a slot without a number holds 0, and the mask of its slots."""


class Recent:
    """Remembers the last ``count`` numbers that were added, and up to twice as many.

    They are in hash tables of a fixed size, a small one first. Once the newest table is full another one
    is begun, and once a table of ``count`` numbers is full all numbers before it are forgotten.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._room = min(count, _FIRST)
        """How many numbers the newest table takes yet."""
        self._tables: tuple[_Table, ...] = (_empty(self._room),)
        """The newest one first."""

    def has(self, number: int) -> bool:
        """True if the number is remembered."""
        number = number or 1
        for table, mask in self._tables:
            slot = number & mask
            while found := table[slot]:
                if found == number:
                    return True
                slot = slot + 1 & mask
        return False

    def add(self, numbers: Iterable[int]) -> None:
        """Remember signed 64-bit numbers. One that is added again counts as new."""
        (table, mask), room = self._tables[0], self._room
        for given in numbers:
            number = given or 1
            slot = number & mask
            while found := table[slot]:
                if found == number:
                    break
                slot = slot + 1 & mask
            else:
                table[slot] = number
                room -= 1
                if not room:
                    (table, mask), room = self._turn(), self._count
        self._room = room

    def _turn(self) -> _Table:
        # The older table goes before a new one comes, so that there are never three.
        self._tables = self._tables[:1]
        self._tables = (_empty(self._count), *self._tables)
        return self._tables[0]


def _empty(count: int) -> _Table:
    slots = 1 << (count * 4 // 3).bit_length()
    return memoryview(bytearray(8 * slots)).cast("q"), slots - 1
