"""How Go's kinds are written in Python: one alias for each, so that a reader and msgspec see the same.

* A Go nil slice or map is an empty one here. Pointers, interfaces and ``DeletedAt`` may be None.
* An embedded struct is flattened. Where it stands first, the Struct inherits it (base fields come
  first); anywhere else its fields are declared in its place.
* ``omitempty``: a Go struct all of whose fields have it is written without its zero values. Where only
  some have it, everything is written: Go reads a missing and a zero key as the same.
* ``error`` is always None: Go itself cannot read back what it writes of any other.
* An anonymous struct is a Struct with a name of its own, which the registry does not know.
* What Go calls a type, where that does not follow from the Python one, is the ``go`` of its ``extra``.
* What JSON has no form for goes through `to_wire` and `from_wire`, the codec's hooks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from ._keys import PrivateKey
from ._multiaddr import Multiaddr
from ._secrets import Masked


def unit(name: str) -> Meta:
    """Return the metadata for the unit of a number. The JSON Schema has it as ``unit``."""
    return Meta(extra_json_schema={"unit": name})


FLOAT32_LIMIT: Final = 2.0**128 - 2.0**103
"""Half a step above Go's MaxFloat32. A number that is not below this limit would round to infinity."""

Float32 = Annotated[float, Meta(gt=-FLOAT32_LIMIT, lt=FLOAT32_LIMIT)]
Float64 = float
Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Go's ``int``, of 64 bits."""
Int64 = Annotated[Int, Meta(extra={"go": "int64"})]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Uint = Annotated[int, Meta(ge=0, extra={"le": 2**64 - 1})]
"""Go's ``uint``, of 64 bits. msgspec has no limit above int64, so the limit is in ``extra``."""
Uint64 = Annotated[Uint, Meta(extra={"go": "uint64"})]
Duration = Annotated[Int, unit("ns"), Meta(extra={"go": "time.Duration"})]
Time = Annotated[datetime, Meta(tz=True)]
"""Go's ``time.Time``: aware, microseconds (Go keeps nanoseconds)."""
DeletedAt = Annotated[Time | None, Meta(extra={"go": "gorm.DeletedAt"})]

ZERO_TIME: Final = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
"""Go's zero time."""


class GoStruct(Masked, msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of the Structs that mirror a Go struct: keyword-only, and the defaults are Go's zero values.

    Fields marked as secret never show in its repr, nor in the repr of a Struct that contains it.
    """

    go_embeds: ClassVar[tuple[str, ...]] = ()
    """The structs that the Go struct embeds, beside the base class of this Struct."""


class StatsEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """Base of the stats events: read-only, and every field must be given."""


def fold(text: str) -> str:
    """Return the text with Unicode's simple case folding, as in Go: ``ß`` does not become ``ss``."""
    return "".join(next((f for f in (c.casefold(), c.lower()) if len(f) == 1), c) for c in text)


def to_wire(value: object) -> object:
    """Return the JSON form of a value that msgspec cannot encode.

    Raises:
        TypeError: ``value`` has no form on the wire.
    """
    match value:
        case PrivateKey():
            return None
        case Multiaddr():
            return str.__str__(value)
    raise TypeError(f"cannot encode {type(value).__name__}")


def from_wire(type_: type, value: object) -> object:
    """Return the value of a type that msgspec cannot decode, made from its JSON form.

    Raises:
        ValueError: ``value`` is not a value of the type. The error never shows a private key.
    """
    if type_ is Multiaddr and isinstance(value, str):
        return Multiaddr(value)
    if type_ is PrivateKey:
        raise ValueError("a private key has no JSON form, only null")
    raise ValueError(f"expected {type_.__name__.lower()}, got {type(value).__name__}")
