"""Values of every DMS type, made from its annotations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from dms_events.fields import bare, described, fields_of, int_limits, not_none
from dms_events.types._wire import FLOAT32_LIMIT
from dms_events.types.network_config import Multiaddr

__all__ = ["values_of"]

_ZONES = st.just(UTC) | st.integers(-1_439, 1_439).map(lambda m: timezone(timedelta(minutes=m)))
_DAY = timedelta(days=1)
_TIMES = st.datetimes(datetime.min + _DAY, datetime.max - _DAY, timezones=_ZONES)
_EXACT = st.integers(-(2**53), 2**53)
_UNTYPED = st.recursive(
    st.none()
    | st.booleans()
    | _EXACT
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_MULTIADDRS = st.sampled_from(
    ["/ip4/127.0.0.1/tcp/4001", "/ip6/::1/udp/9000/quic-v1", "/dns4/example.org/tcp/443/wss"]
)


def values_of(type_: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that can be written."""
    return _values(described(type_))


def _values(type_: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: PLR0912
    match bare(type_):
        case inspect.StructType(cls=cls):
            return st.builds(cls, **{f.attribute: _values(f.type) for f in fields_of(cls)})
        case inspect.StrType():
            return st.text()
        case inspect.BytesType():
            return st.binary()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType() as integer:
            low, high, _ = int_limits(integer)
            return st.integers(low, high)
        case inspect.FloatType(lt=None):
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.FloatType():
            limit = FLOAT32_LIMIT
            return st.floats(-limit, limit, exclude_min=True, exclude_max=True)
        case inspect.DateTimeType():
            return _TIMES
        case inspect.EnumType(cls=cls) if issubclass(cls, str):
            return st.sampled_from(cls) | st.text().map(cls)
        case inspect.EnumType(cls=cls):
            return st.sampled_from(cls) | st.integers(-(2**63), 2**63 - 1).map(cls)
        case inspect.UnionType() as union:
            return st.none() | _values(not_none(union))
        case inspect.ListType(item_type=item):
            return st.lists(_values(item), max_size=3)
        case inspect.DictType(value_type=item):
            return st.dictionaries(st.text(), _values(item), max_size=3)
        case inspect.AnyType():
            return _UNTYPED
        case inspect.CustomType(cls=cls) if cls is Multiaddr:
            return _MULTIADDRS.map(Multiaddr)
    return st.none()
