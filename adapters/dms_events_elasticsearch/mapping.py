"""The mapping of each field: of a Struct's fields by their types, and of those that all documents have.

The mapping decides how a value is searched and summed; ``_source`` keeps the value as it was written.
A value that does not fit its field's index is ignored where Elasticsearch can do so, and its document
is stored: a timestamp or a uint64 out of range, a text that is too long for a term.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import inspect

from dms_events.fields import Field, bare, fields_of, int_limits, not_none
from dms_events.types.network_config import Multiaddr

__all__ = ["COMMON", "properties_of"]

_KEYWORD: Final = {"type": "keyword", "ignore_above": 8191}
"""With the most characters that fit Lucene's 32766 bytes for a term. Without this limit, one long
string makes the server refuse the whole document."""
_TEXT: Final = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
_FLATTENED: Final = {"type": "flattened", "ignore_above": 8191}

COMMON: Final[dict[str, Any]] = {
    # Nanoseconds, because two statuses of one call may fall into one millisecond.
    "@timestamp": {"type": "date_nanos"},
    "event": {
        "properties": {
            "id": _KEYWORD,
            "dataset": _KEYWORD,
            "ingested": {"type": "date"},
            "outcome": _KEYWORD,
        }
    },
    "dms": {
        "properties": {
            "type": _KEYWORD,
            "peer_id": _KEYWORD,
            "peer_short": _KEYWORD,
            "source_from": _KEYWORD,
            "claimed_source": _KEYWORD,
            "signer": _KEYWORD,
            "verified": {"type": "boolean"},
            "time_from": _KEYWORD,
            "call_key": _KEYWORD,
            "extra": _FLATTENED,
        }
    },
}
"""The properties that every document may have beside the fields of its event."""

_FREE_TEXT: Final = frozenset({"ServiceDescription"})
_CALL_ID: Final = "CallID"
"""Go has rounded it to float32 already; Python has not, and the mapping ``float`` would."""
_UNIX_TIME: Final = "Timestamp"
"""As a number of seconds, a date histogram would read it as milliseconds of January 1970."""
_UNITS: Final = {"bytes": "byte", "min": "m", "ns": "nanos"}
"""Units for which Elastic's products have a word of their own; the others stay as the DMS has them."""


def properties_of(type_: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the mapping of each field of a Struct by its wire key, with its unit in ``meta.unit``.

    Raises:
        TypeError: a field has no mapping, for its value belongs in no document (a private key).
    """
    return {field.key: _mapping(field) for field in fields_of(type_)}


def _mapping(field: Field) -> dict[str, Any]:
    match field.type:
        case inspect.FloatType() if field.key == _UNIX_TIME:
            return {"type": "date", "format": "epoch_second", "ignore_malformed": True}
        case inspect.StrType() if field.key in _FREE_TEXT:
            return _TEXT
        case inspect.FloatType() if field.key == _CALL_ID:
            mapping: dict[str, Any] = {"type": "double"}
        case _:
            mapping = _mapping_of(field.type, field.key)
    if field.unit:
        return {**mapping, "meta": {"unit": _UNITS.get(field.unit, field.unit)}}
    return mapping


def _mapping_of(type_: inspect.Type, key: str) -> dict[str, Any]:
    match bare(type_):
        case inspect.EnumType(cls=cls):
            return _KEYWORD if issubclass(cls, str) else {"type": "integer"}
        case inspect.StrType() | inspect.NoneType():
            return _KEYWORD
        case inspect.CustomType(cls=inner) if inner is Multiaddr:
            return _KEYWORD
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.BytesType():
            return {"type": "binary"}
        case inspect.DateTimeType():
            # Milliseconds, since nanoseconds have no room for Go's zero time. Go takes zones of up to
            # 24 hours, Elasticsearch of up to 18.
            return {"type": "date", "ignore_malformed": True}
        case inspect.FloatType(lt=limit):
            # A float32 is a measure: as much as Go holds, in half the space of a double.
            return {"type": "double" if limit is None else "float"}
        case inspect.IntType() as integer:
            return _integer(*int_limits(integer)[:2])
        case inspect.StructType(cls=inner):
            return {"properties": properties_of(inner)}
        case inspect.ListType(item_type=item):
            return _mapping_of(item, key)  # any field may hold several values
        case inspect.DictType():
            return _FLATTENED
        case inspect.UnionType() as union:
            return _mapping_of(not_none(union), key)
    raise TypeError(f"{key} has no mapping: {type_}")


def _integer(low: int, high: int) -> dict[str, Any]:
    if low >= -(2**31) and high < 2**31:
        return {"type": "integer"}
    if high < 2**63:
        return {"type": "long"}
    # Sums and histograms mix with those of other numbers, as they would not in `unsigned_long`.
    return {"type": "long", "ignore_malformed": True}
