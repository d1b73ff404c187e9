from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import pytest

from dms_events import registry
from dms_events.fields import fields_of
from dms_events.sink import dataset_of, index_of
from dms_events_elasticsearch.templates import (
    TEMPLATE_VERSION,
    index_template,
    index_templates,
    installed_version,
)

STATS = registry.matching("elk_stats.*")


def properties(type_name: str) -> dict[str, Any]:
    found: dict[str, Any] = index_template(type_name)["template"]["mappings"]["properties"]
    return found


def test_every_stats_event_has_a_template_of_its_own() -> None:
    assert len(STATS) == 9
    assert sorted(index_templates()) == sorted(f"dms-{dataset_of(name)}" for name in STATS)


@pytest.mark.parametrize("type_name", STATS)
def test_a_template_fits_the_indices_of_its_type_and_no_other(type_name: str) -> None:
    november = datetime(2026, 11, 5, tzinfo=UTC)
    patterns = index_template(type_name)["index_patterns"]
    fitting = [
        name
        for name in STATS
        if any(fnmatchcase(index_of(dataset_of(name), november), p) for p in patterns)
    ]
    assert fitting == [type_name]


@pytest.mark.parametrize("type_name", STATS)
def test_the_mapping_is_strict_and_names_every_field(type_name: str) -> None:
    assert index_template(type_name)["template"]["mappings"]["dynamic"] == "strict"
    keys = {field.key for field in fields_of(registry.get(type_name))}
    assert set(properties(type_name)) == keys | {"@timestamp", "event", "dms"}


def test_the_version_of_a_foreign_template_is_unknown() -> None:
    assert installed_version(index_template("elk_stats.ServiceCall")) == TEMPLATE_VERSION
    assert installed_version({"index_patterns": ["dms-*"]}) is None
    assert installed_version({"_meta": {"dms_events": "mine"}}) is None
