"""The keys that a type does not know are found wherever Go ignores them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from dms_events import codec, registry
from dms_events.codec.unknown import unknown_keys
from tests.kit.documents.strategies import events


def found(type_name: str, document: str) -> Any:
    return unknown_keys(document.encode(), registry.get(type_name))


@pytest.mark.parametrize(
    ("document", "unknown"),
    [
        ('{"ServiceID":"s","Timestamp":1,"Region":"eu"}', (("Region", "eu"),)),
        ('{"GPU":{"Model":"x","Units":2}}', (("GPU", (("Model", "x"), ("Units", b"2"))),)),
        ('{"Twice":1,"Twice":null}', (("Twice", None),)),
        ('{"serviceid":"s","TIMESTAMP":1}', ()),
        ('{"Timestamp":null}', ()),
        ("null", ()),
    ],
)
def test_a_key_is_unknown_if_go_finds_no_field_for_it(document: str, unknown: Any) -> None:
    assert found("elk_stats.ServiceRemove", document) == unknown


def test_a_key_inside_a_known_field_stands_under_that_field() -> None:
    document = '{"PeerID":"p","changedattributeandvalue":{"CPU":1,"GPU":2}}'
    unknown = (("ChangedAttributeAndValue", (("GPU", b"2"),)),)
    assert found("elk_stats.DeviceResourceChange", document) == unknown


def test_keys_in_the_items_of_lists_and_maps_are_found() -> None:
    listed = '{"libraries":[{"name":"a"},{"name":"b","Licence":"MIT"}]}'
    assert found("capability.Capability", listed) == (("libraries", [(("Licence", "MIT"),)]),)
    mapped = '{"CollectorConfigs":{"LOG":{"Colour":"red"}}}'
    assert found("telemetry.TelemetryConfig", mapped) == (
        ("CollectorConfigs", (("LOG", (("Colour", "red"),)),)),
    )


def test_a_map_with_any_keys_has_no_unknown_ones() -> None:
    assert found("spec_config.SpecConfig", '{"params":{"image":{"name":"x"}}}') == ()


@given(events)
def test_what_this_release_writes_has_no_unknown_keys(event: Any) -> None:
    assert unknown_keys(codec.encode(event), type(event)) == ()
