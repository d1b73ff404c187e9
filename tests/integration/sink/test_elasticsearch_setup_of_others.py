"""``dms-events elasticsearch setup`` where others changed or made something: it is told, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dms_events_elasticsearch import ElasticsearchSetup
from dms_events_elasticsearch.setup.templates import index_template
from tests.kit.servers.elasticsearch import call

from .setting_up import INDEX, SETTINGS, apply, bare, check, command, template, told
from .test_elasticsearch_upgrade import NAME, TYPE, of_before


@pytest.fixture
def url(empty_elasticsearch_url: str) -> Iterator[str]:
    with bare(empty_elasticsearch_url) as url:
        yield url


async def test_a_policy_that_somebody_changed_is_left_as_it_is(url: str) -> None:
    await apply(url, ElasticsearchSetup(retention_days=90))
    policy = call(f"{url}/_ilm/policy/dms-retention")["dms-retention"]["policy"]
    policy["phases"]["delete"]["min_age"] = "7d"
    call(f"{url}/_ilm/policy/dms-retention", "PUT", {"policy": policy})
    [changed] = await apply(url, ElasticsearchSetup(retention_days=90))
    assert (changed.actual, changed.state, changed.applied) == ("7d", "changed", False)
    [changed] = await apply(url, ElasticsearchSetup(retention_days=90), overwrite=True)
    assert changed.applied


async def test_what_somebody_changed_is_told_field_by_field_and_left_as_it_is(url: str) -> None:
    await apply(url)
    template = index_template(TYPE)
    template["priority"] = 700
    template["template"]["mappings"]["properties"]["ServiceID"] = {"type": "text"}
    template["template"]["settings"] = {"index": {"refresh_interval": "30s"}}
    call(f"{url}/_index_template/{NAME}", "PUT", template)
    place = f"index template {NAME}"
    service_id = "template.mappings.properties.ServiceID"
    changed = {
        (place, "priority", "500", "700", "changed"),
        (place, f"{service_id}.type", "keyword", "text", "changed"),
        (place, f"{service_id}.ignore_above", "8191", "", "changed"),
        (place, "template.settings.index.refresh_interval", "", "30s", "changed"),
    }
    assert told(await check(url)) == changed
    left = await apply(url)
    assert told(left) == changed
    assert not any(d.applied for d in left)
    assert all(d.applied for d in await apply(url, overwrite=True))
    assert await check(url) == []


async def test_a_template_of_ours_by_name_only_is_refused_until_it_is_marked(url: str) -> None:
    await apply(url)
    theirs: dict[str, dict[str, Any]] = {
        f"_index_template/{NAME}": {"index_patterns": [f"{NAME}-*"], "priority": 500},
        "_component_template/dms-settings": {"template": {"settings": {"number_of_replicas": 2}}},
    }
    for path, body in theirs.items():
        call(f"{url}/{path}", "PUT", body)
    found = [d for d in await apply(url, overwrite=True) if not d.applied]
    assert {d.place for d in found} == {f"index template {NAME}", SETTINGS}
    for refused in found:
        assert (refused.state, '"_meta": {"dms_events": 0}' in refused.fix) == ("refused", True)
    for path, body in theirs.items():
        call(f"{url}/{path}", "PUT", {**body, "_meta": {"dms_events": 0}})
    await apply(url)
    assert await check(url) == []


async def test_a_template_of_a_newer_release_is_refused(url: str) -> None:
    await apply(url)
    newer = {**index_template(TYPE), "_meta": {"dms_events": 10_000}}
    call(f"{url}/_index_template/{NAME}", "PUT", newer)
    [found] = await apply(url, overwrite=True)
    assert (found.state, found.actual) == ("refused", "version 10000")


async def test_a_template_of_somebody_else_that_outranks_ours_is_refused_by_name(url: str) -> None:
    await apply(url)
    with template(url, "zz-app", index_patterns=["dms-elk*"], priority=501):
        [found] = await check(url)
        assert (found.place, found.state, found.actual) == (
            "index template zz-app",
            "refused",
            "501",
        )
        assert "lower its priority below 500" in found.fix
        assert (await command(url))[0] == 1
    assert await check(url) == []


async def test_months_of_an_older_release_get_what_they_lack_and_the_rest_is_told(url: str) -> None:
    call(f"{url}/_index_template/{NAME}", "PUT", of_before())
    call(f"{url}/{INDEX}", "PUT", {})
    about = [d for d in await check(url) if d.place == f"index {INDEX}"]
    assert told(about) == {
        (f"index {INDEX}", *rest)
        for rest in [
            ("field dms", "object", "", "outdated"),
            ("field Timestamp, type", "date", "double", "refused"),
            ("lifecycle.origination_date", "1796083200000", "", "outdated"),
            (f"alias {NAME}", NAME, "", "outdated"),
            ("alias dms-all", "dms-all", "", "outdated"),
        ]
    }
    await apply(url)
    [left] = await check(url)
    assert (left.setting, left.state) == ("field Timestamp, type", "refused")
    assert "it takes a new index" in left.fix
    assert set(call(f"{url}/{INDEX}/_alias")[INDEX]["aliases"]) == {NAME, "dms-all"}


async def test_an_index_that_was_made_without_a_template_is_told_and_made_strict(url: str) -> None:
    index = "dms-machine.peer_data-2026.11"
    call(f"{url}/{index}/_doc?refresh", "POST", {"peer_id": "12D3KooWPeer"})
    found = {d.setting: d for d in await apply(url) if d.place == f"index {index}"}
    assert (found["dynamic"].actual, found["dynamic"].applied) == ("true", True)
    guessed = found["field peer_id, type"]
    assert (guessed.declared, guessed.actual, guessed.state) == ("keyword", "text", "refused")
    assert {d.setting for d in await check(url)} == {"field peer_id, type"}


async def test_an_index_of_somebody_elses_template_is_left_as_it_is(url: str) -> None:
    theirs = {"index_patterns": [f"{NAME}-*"], "priority": 500}
    call(f"{url}/_index_template/{NAME}", "PUT", theirs)
    call(f"{url}/{INDEX}", "PUT", {})
    before = call(f"{url}/{INDEX}")
    await apply(url, ElasticsearchSetup(replicas=0))
    assert call(f"{url}/{INDEX}") == before


async def test_an_index_that_is_blocked_keeps_no_other_from_being_set_up(url: str) -> None:
    await apply(url, ElasticsearchSetup(replicas=0))
    other = f"{NAME}-2026.10"
    for index in (INDEX, other):
        call(f"{url}/{index}", "PUT", {"mappings": {"properties": {"dms": {"properties": {}}}}})
    block = f"{url}/{other}/_settings"
    call(block, "PUT", {"index.blocks.read_only": True})
    try:
        found = await apply(url, ElasticsearchSetup(replicas=1))
    finally:
        call(block, "PUT", {"index.blocks.read_only": None})
    [refused] = [d for d in found if d.state == "refused" and d.setting == "number_of_replicas"]
    assert (refused.place, "cluster_block_exception" in refused.fix) == (f"index {other}", True)
    assert [d.applied for d in found if d.place == f"index {INDEX}"] == [True, True]
