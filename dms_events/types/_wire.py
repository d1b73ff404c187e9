"""Go's number types as constraints, so that a reader and msgspec see the same ranges."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

FLOAT32_LIMIT: Final = 2.0**128 - 2.0**103
"""Half a step above Go's MaxFloat32: what is not below it would round to infinity."""

Float32 = Annotated[float, Meta(gt=-FLOAT32_LIMIT, lt=FLOAT32_LIMIT)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class GoStruct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the Structs that mirror a flat Go struct: written as Go writes it, read-only."""
