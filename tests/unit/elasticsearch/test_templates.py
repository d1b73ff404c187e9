"""The templates of all types that may be stored."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import pytest

from dms_events import registry
from dms_events.errors import ConfigError
from dms_events.fields import fields_of
from dms_events.sink import dataset_of, index_of, storable_types
from dms_events_elasticsearch.mapping import COMMON
from dms_events_elasticsearch.names import Names, month_end
from dms_events_elasticsearch.setup.compare import digest, flat, our_version
from dms_events_elasticsearch.setup.templates import (
    TEMPLATE_VERSION,
    common_component,
    fields_of_index,
    index_template,
    index_templates,
    policy,
)

NOVEMBER = datetime(2026, 11, 5, tzinfo=UTC)
FIELD_LIMIT, DEPTH_LIMIT = 1000, 20
"""Elasticsearch's own ``index.mapping.total_fields.limit`` and ``index.mapping.depth.limit``."""


def depth(properties: dict[str, Any]) -> int:
    return (
        1 + max(depth(field.get("properties", {})) for field in properties.values())
        if properties
        else 0
    )


def test_every_type_that_may_be_stored_has_a_template_of_its_own() -> None:
    names = storable_types()
    assert len(names) == 72
    assert sorted(index_templates()) == sorted(f"dms-{dataset_of(name)}" for name in names)


@pytest.mark.parametrize("type_name", storable_types())
def test_a_template_fits_the_indices_of_its_type_and_no_other(type_name: str) -> None:
    patterns = index_template(type_name)["index_patterns"]
    fitting = [
        name
        for name in storable_types()
        if any(fnmatchcase(index_of(dataset_of(name), NOVEMBER), p) for p in patterns)
    ]
    assert fitting == [type_name]


@pytest.mark.parametrize("type_name", storable_types())
def test_the_mapping_is_strict_and_names_every_field_within_the_limits(type_name: str) -> None:
    template = index_template(type_name)["template"]
    assert template["mappings"]["dynamic"] == "strict"
    keys = {field.key for field in fields_of(registry.get(type_name))}
    assert set(template["mappings"]["properties"]) == keys
    assert set(fields_of_index(type_name)) == keys | COMMON.keys()
    assert len(flat(fields_of_index(type_name))) < FIELD_LIMIT
    assert depth(fields_of_index(type_name)) < DEPTH_LIMIT


def test_what_all_types_have_in_common_is_in_one_component_template() -> None:
    assert common_component()["template"]["mappings"]["properties"] == COMMON
    for template in index_templates().values():
        assert template["composed_of"][0] == "dms-common"


def test_an_index_has_the_alias_of_its_type_and_of_all() -> None:
    aliases = index_template("elk_stats.ServiceCall")["template"]["aliases"]
    assert set(aliases) == {"dms-elk_stats.service_call", "dms-all"}


def test_a_prefix_is_the_first_part_of_every_name() -> None:
    other = Names("testnet")
    template = index_template("elk_stats.ServiceCall", other)
    named = [
        *template["index_patterns"],
        *template["composed_of"],
        *template["template"]["aliases"],
        *index_templates(other),
        other.policy,
        other.index("dms-elk_stats.service_call-2026.11"),
    ]
    assert all(name.startswith("testnet-") for name in named)


@pytest.mark.parametrize("prefix", ["", "dms-test", "DMS", "_dms", "dms*", "x" * 65, "dms,other"])
def test_a_prefix_that_no_index_may_have_or_that_holds_another_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        Names(prefix)


def test_an_index_ages_from_the_end_of_its_month() -> None:
    assert month_end("dms-elk_stats.service_call-2026.11") == datetime(2026, 12, 1, tzinfo=UTC)
    assert month_end("dms-elk_stats.service_call-2026.12") == datetime(2027, 1, 1, tzinfo=UTC)
    assert month_end("dms-elk_stats.service_call-2026.13") is None
    assert month_end("dms-all") is None


def test_the_version_of_a_foreign_template_is_unknown() -> None:
    assert our_version(index_template("elk_stats.ServiceCall")) == TEMPLATE_VERSION
    assert our_version({"index_patterns": ["dms-*"]}) is None
    assert our_version({"_meta": {"dms_events": "mine"}}) is None


def test_a_changed_template_has_another_version() -> None:
    """The server's templates are replaced only by those of a higher version."""
    bodies = {**index_templates(), "common": common_component(), "policy": policy(1)}
    assert (TEMPLATE_VERSION, digest(bodies)) == (5, "947ce97894a02720"), (
        "raise TEMPLATE_VERSION, and write the new pair here"
    )
