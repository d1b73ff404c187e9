"""Enums that keep a value without a constant, as Go's named strings and ints do.

Such a value has no name and is not in the list of members. It is equal to its text or number, and to
another one with the same value. It is written as it was read.
"""

from __future__ import annotations

import enum
from typing import Self

__all__ = ["OpenIntEnum", "OpenStrEnum"]


class OpenStrEnum(enum.StrEnum):
    """A Go ``type X string`` with constants."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = str(value)
        return member


class OpenIntEnum(enum.IntEnum):
    """A Go ``type X int`` with constants. A number that does not fit into 64 bits is refused."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int or not -(2**63) <= value < 2**63:
            return None
        member = int.__new__(cls, value)
        member._name_ = str(value)
        member._value_ = value
        return member
