"""Events that Go can read, in all their variety."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from dms_events.types import elk_stats, network_config

__all__ = ["EVENT_TYPES", "FLOAT32_MAX", "a_value_of", "events"]

FLOAT32_MAX = 3.4028234663852886e38
EVENT_TYPES: tuple[type[msgspec.Struct], ...] = (
    elk_stats.DeviceResourceChange,
    elk_stats.DeviceResourceConfig,
    elk_stats.DeviceStatusChange,
    elk_stats.NewDeviceOnboarded,
    elk_stats.NewService,
    elk_stats.NtxPayment,
    elk_stats.ServiceCall,
    elk_stats.ServiceRemove,
    elk_stats.ServiceStatus,
)
_SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)
_DOUBLES = st.floats(-FLOAT32_MAX, FLOAT32_MAX)


def a_value_of(type_: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any value of a Struct."""
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return st.builds(type_, **{field.name: _leaf(field.type) for field in info.fields})


def _leaf(type_: inspect.Type) -> st.SearchStrategy[Any]:
    match type_:
        case inspect.Metadata(type=inner):
            return _leaf(inner)
        case inspect.StructType(cls=nested):
            return a_value_of(nested)
        case inspect.StrType():
            return st.text()
        case inspect.FloatType():
            return _SINGLES | _DOUBLES
        case inspect.IntType():
            return st.integers(-(2**31), 2**31 - 1)
        case inspect.BytesType():
            return st.binary()
    raise NotImplementedError(type_)


events: st.SearchStrategy[msgspec.Struct] = st.one_of(
    *[a_value_of(type_) for type_ in EVENT_TYPES], a_value_of(network_config.MessageEnvelope)
)
