"""The mapping of a field follows from its type, and says its unit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dms_events import registry
from dms_events.schema.reference import is_a
from dms_events.types._secrets import holds_secret
from dms_events_elasticsearch.mapping import COMMON, properties_of

STORABLE = [
    name
    for name in registry.matching("*")
    if is_a(registry.get(name), msgspec.Struct) and not holds_secret(registry.get(name))
]


def mapping(type_name: str, *keys: str) -> dict[str, Any]:
    found: dict[str, Any] = {"properties": properties_of(registry.get(type_name))}
    for key in keys:
        found = found["properties"][key]
    return found


@pytest.mark.parametrize("type_name", STORABLE)
def test_every_type_that_may_be_stored_has_a_mapping(type_name: str) -> None:
    assert not properties_of(registry.get(type_name)).keys() & COMMON.keys()


def test_what_go_rounded_is_mapped_so_that_python_is_not_rounded() -> None:
    assert mapping("elk_stats.ServiceCall", "CallID") == {"type": "double"}


def test_a_timestamp_in_seconds_is_a_date() -> None:
    assert mapping("elk_stats.ServiceCall", "Timestamp") == {
        "type": "date",
        "format": "epoch_second",
        "ignore_malformed": True,
    }


@pytest.mark.parametrize(
    ("field", "kind", "unit"),
    [
        ("elk_stats.ServiceCall.CPUUsed", "float", "MHz"),
        ("elk_stats.ServiceCall.MaxRAM", "float", "MB"),
        ("elk_stats.ServiceCall.TimeTaken", "float", "s"),
        ("elk_stats.ServiceCall.AmountOfNtx", "integer", "NTX"),
        ("machine.FreeResources.ntx_price", "double", "NTX/min"),
        ("onboarding.Metadata.update_timestamp", "long", None),
    ],
)
def test_a_number_has_the_size_of_gos_and_its_unit(field: str, kind: str, unit: str | None) -> None:
    found = mapping(*field.rsplit(".", 1))
    assert (found["type"], found.get("meta", {}).get("unit")) == (kind, unit)


@pytest.mark.parametrize(
    ("type_name", "key", "unit"),
    [
        ("resource.RAM", "Size", "byte"),
        ("machine.PingResult", "RTT", "nanos"),
        ("machine.Services", "JobDuration", "m"),
    ],
)
def test_a_unit_that_elastic_knows_has_elastics_word(type_name: str, key: str, unit: str) -> None:
    assert mapping(type_name, key)["meta"] == {"unit": unit}


def test_a_uint64_that_is_too_large_for_a_long_is_no_reason_to_refuse_its_document() -> None:
    size = mapping("resource.RAM", "Size")
    assert (size["type"], size["ignore_malformed"]) == ("long", True)


def test_texts_for_people_can_be_searched_by_word_and_the_others_by_value() -> None:
    description = mapping("elk_stats.NewService", "ServiceDescription")
    assert description["type"] == "text"
    assert description["fields"]["keyword"]["type"] == "keyword"
    assert mapping("elk_stats.NewService", "ServiceName")["type"] == "keyword"


def test_a_nested_struct_is_an_object_and_a_list_is_mapped_as_its_items() -> None:
    changed = mapping("elk_stats.DeviceResourceChange", "ChangedAttributeAndValue")
    assert set(changed) == {"properties"}
    assert changed["properties"]["RAM"] == {"type": "float", "meta": {"unit": "MB"}}
    assert "properties" in mapping("capability.Capability", "libraries")
    assert mapping("capability.Capability", "type")["type"] == "keyword"


def test_a_map_with_any_keys_is_one_field() -> None:
    assert mapping("spec_config.SpecConfig", "params")["type"] == "flattened"


def test_a_private_key_has_no_mapping() -> None:
    with pytest.raises(TypeError, match="PrivateKey has no mapping"):
        properties_of(registry.get("network_config.NetworkConfig"))
