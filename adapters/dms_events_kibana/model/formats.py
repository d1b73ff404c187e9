"""How numbers are written."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

__all__ = ["BYTES", "COUNT", "GHZ", "MINUTES", "NTX", "PERCENT", "Format"]


class Format(msgspec.Struct, frozen=True):
    """A number with so many decimals; a share of 1 is written in percent, bytes in KB to TB."""

    kind: Literal["number", "percent", "bytes"] = "number"
    decimals: int = 0
    suffix: str = ""


COUNT: Final = Format()
PERCENT: Final = Format("percent", 1)
BYTES: Final = Format("bytes", 1)
NTX: Final = Format(suffix=" NTX")
GHZ: Final = Format(suffix=" GHz")
MINUTES: Final = Format(decimals=1, suffix=" min")
