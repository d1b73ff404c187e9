"""How Go's kinds are written in Python: one alias for each, so that a reader and msgspec see the same.

A Go nil slice or map is an empty one here. Pointers, interfaces and ``DeletedAt`` may be None. An
embedded struct is flattened: its fields are declared where it stands, except where it stands first and
alone, which inheritance expresses (base fields come first).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

FLOAT32_LIMIT: Final = 2.0**128 - 2.0**103
"""Half a step above Go's MaxFloat32: what is not below it would round to infinity."""

Float32 = Annotated[float, Meta(gt=-FLOAT32_LIMIT, lt=FLOAT32_LIMIT)]
Float64 = float
Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Go's ``int`` and ``int64``."""
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Uint = Annotated[int, Meta(ge=0, extra={"le": 2**64 - 1})]
"""Go's ``uint`` and ``uint64``. msgspec knows no limit above int64, so ours is in ``extra``."""
Duration = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, description="nanoseconds")]
"""Go's ``time.Duration``."""
Time = Annotated[datetime, Meta(tz=True)]
"""Go's ``time.Time``: aware, microseconds (Go keeps nanoseconds)."""

ZERO_TIME: Final = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
"""Go's zero time."""


class GoStruct(msgspec.Struct, kw_only=True):
    """Base of the Structs that mirror a Go struct: keyword-only, defaults are Go's zero values."""


class StatsEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the stats events: read-only, and every field has to be given."""
