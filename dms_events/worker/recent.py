"""Recent numbers: a bounded memory of 64-bit numbers, for millions of them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Recent"]


class Recent:
    """Remembers the last ``count`` numbers that were added, and up to twice as many.

    They are in two hash tables of a fixed size. Once the newer table holds ``count`` numbers it becomes
    the older one, and the numbers of the older one are forgotten.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        slots = 1 << (count * 4 // 3).bit_length()
        self._mask = slots - 1
        self._used = 0
        self._tables: tuple[memoryview[int], ...] = (self._empty(),)
        """The newer one, then the older one where there is one. A slot without a number holds 0."""

    def _empty(self) -> memoryview[int]:
        # The system hands out zeroed pages as they are written to, so few numbers take little memory.
        return memoryview(bytearray(8 * (self._mask + 1))).cast("q")

    def has(self, number: int) -> bool:
        """True if the number is remembered."""
        mask, number = self._mask, number or 1
        for table in self._tables:
            slot = number & mask
            while found := table[slot]:
                if found == number:
                    return True
                slot = slot + 1 & mask
        return False

    def add(self, numbers: Iterable[int]) -> None:
        """Remember signed 64-bit numbers. One that is added again counts as new."""
        table, mask, used, count = self._tables[0], self._mask, self._used, self._count
        for given in numbers:
            number = given or 1
            slot = number & mask
            while found := table[slot]:
                if found == number:
                    break
                slot = slot + 1 & mask
            else:
                table[slot] = number
                used += 1
                if used >= count:
                    table, used = self._turn(), 0
        self._used = used

    def _turn(self) -> memoryview[int]:
        # The oldest table goes before a new one comes, so that there are never three.
        self._tables = self._tables[:1]
        self._tables = (self._empty(), *self._tables)
        return self._tables[0]
