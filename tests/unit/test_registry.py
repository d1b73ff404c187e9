"""A type is known by one name."""

from __future__ import annotations

import msgspec
import pytest

from dms_events import UnknownTypeError, registry
from dms_events.types import elk_stats, network_config

ELK = [
    "elk_stats.DeviceResourceChange",
    "elk_stats.DeviceResourceConfig",
    "elk_stats.DeviceStatusChange",
    "elk_stats.NewDeviceOnboarded",
    "elk_stats.NewService",
    "elk_stats.NtxPayment",
    "elk_stats.ServiceCall",
    "elk_stats.ServiceRemove",
    "elk_stats.ServiceStatus",
]


def test_the_nine_stats_events_and_the_envelope_are_known() -> None:
    assert set(ELK) | {"network_config.MessageEnvelope"} <= set(registry.names())
    assert registry.names() == sorted(registry.names())


def test_a_name_gives_its_type_and_the_type_its_name() -> None:
    assert registry.get("elk_stats.ServiceCall") is elk_stats.ServiceCall
    assert registry.get("network_config.MessageEnvelope") is network_config.MessageEnvelope
    for name in registry.matching("*"):
        assert registry.name_of(registry.get(name)) == name


@pytest.mark.parametrize(
    "name", ["", ".", "ServiceCall", "elk_stats.", "elk_stats.servicecall", "elk.ServiceCall", "*"]
)
def test_get_takes_full_names_only(name: str) -> None:
    with pytest.raises(UnknownTypeError) as caught:
        registry.get(name)
    assert caught.value.name == name


def test_the_anonymous_struct_has_no_name() -> None:
    with pytest.raises(UnknownTypeError):
        registry.get("elk_stats.ResourceValues")
    with pytest.raises(UnknownTypeError, match="ResourceValues"):
        registry.name_of(elk_stats.ResourceValues)


def test_a_subclass_is_not_the_type() -> None:
    class Other(elk_stats.ServiceRemove, frozen=True):
        pass

    for stranger in (Other, msgspec.Struct, int):
        with pytest.raises(UnknownTypeError, match="not a DMS type"):
            registry.name_of(stranger)


def test_a_bare_name_is_resolved_where_it_is_unique() -> None:
    assert registry.resolve("ServiceCall") == "elk_stats.ServiceCall"
    assert registry.resolve("elk_stats.ServiceCall") == "elk_stats.ServiceCall"
    for name in ("", "Nothing", "elk_stats.Nothing", "servicecall"):
        with pytest.raises(UnknownTypeError):
            registry.resolve(name)


def test_a_pattern_gives_the_names_it_matches() -> None:
    assert registry.matching("elk_stats.*") == ELK
    # One type may have two names; a pattern gives it once.
    assert set(registry.names()) - set(registry.matching("*")) == {"execution.SpecConfig"}
    assert registry.matching("elk_stats.ServiceCall") == ["elk_stats.ServiceCall"]
    assert registry.matching("ServiceCall") == ["elk_stats.ServiceCall"]


@pytest.mark.parametrize(
    "pattern", ["nothing.*", "elk_stats.Service*", "*.ServiceCall", "", "elk*"]
)
def test_a_pattern_that_matches_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UnknownTypeError) as caught:
        registry.matching(pattern)
    assert repr(pattern) in str(caught.value)
