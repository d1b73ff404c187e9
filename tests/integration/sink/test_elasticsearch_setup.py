"""``dms-events elasticsearch setup`` on a real server: what it makes, compares, mends and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events_elasticsearch import Difference, ElasticsearchSetup, apply_setup, check_setup
from dms_events_elasticsearch.setup.templates import index_template, index_templates
from tests.kit.programs.command import dms
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch import opened, removed
from .test_elasticsearch_upgrade import NAME, TYPE, of_before

INDEX = f"{NAME}-2026.11"
PLAIN = ElasticsearchSetup()
SETTINGS = "component template dms-settings"


@pytest.fixture
def url(empty_elasticsearch_url: str) -> Iterator[str]:
    """A server without anything of ours."""
    _clean(empty_elasticsearch_url)
    yield empty_elasticsearch_url
    _clean(empty_elasticsearch_url)


def _clean(url: str) -> None:
    for index in call(f"{url}/_cat/indices/dms-*?format=json"):
        call(f"{url}/{index['index']}", "DELETE")
    for kind in ("_index_template", "_component_template"):
        listed = call(f"{url}/{kind}")[f"{kind[1:]}s"]
        if any(each["name"].startswith("dms-") for each in listed):
            call(f"{url}/{kind}/dms-*", "DELETE")
    if "dms-retention" in call(f"{url}/_ilm/policy"):
        call(f"{url}/_ilm/policy/dms-retention", "DELETE")


async def check(url: str, declared: ElasticsearchSetup = PLAIN) -> list[Difference]:
    return (await check_setup(url, declared)).differences


async def apply(url: str, declared: ElasticsearchSetup = PLAIN, **how: bool) -> list[Difference]:
    return (await apply_setup(url, declared, **how)).differences


def told(differences: list[Difference]) -> set[tuple[str, str, str, str, str]]:
    return {(d.place, d.setting, d.declared, d.actual, d.state) for d in differences}


async def command(url: str, *words: str) -> tuple[int, str]:
    done = await dms("elasticsearch", "setup", "--to", url, *words)
    return done.code, done.out + done.err


async def test_a_setup_that_is_applied_again_changes_nothing(url: str) -> None:
    declared = ElasticsearchSetup(replicas=0, shards=2)
    made = await apply(url, declared)
    assert {d.place for d in made} >= {SETTINGS, "component template dms-common"}
    assert all(d.applied for d in made)
    assert await apply(url, declared) == await check(url, declared) == []
    async with opened(url) as sink:  # the sink leaves the settings as they are
        await sink.write([removed("1")])
    assert await check(url, declared) == []
    made_index = call(f"{url}/{INDEX}")[INDEX]["settings"]["index"]
    assert (made_index["number_of_shards"], made_index["number_of_replicas"]) == ("2", "0")


async def test_a_setting_that_is_not_declared_is_kept(url: str) -> None:
    await apply(url, ElasticsearchSetup(replicas=0))
    await apply(url, ElasticsearchSetup(shards=2))
    assert await check(url, ElasticsearchSetup(replicas=0, shards=2)) == []


async def test_the_commands_exit_code_is_for_cron(url: str) -> None:
    assert (await command(url, "--replicas", "0", "--check"))[0] == 1
    code, said = await command(url, "--replicas", "0", "--dry-run")
    assert (code, said.count("index template")) == (0, 1), "a line for all of them"
    assert f"{len(index_templates())} index templates" in said
    assert await check(url) != [], "nothing was changed"
    assert (await command(url, "--replicas", "0"))[0] == 0
    code, said = await command(url, "--replicas", "0", "--check")
    assert (code, said.splitlines()[0]) == (0, "everything is as declared")
    assert (await command(url, "--replicas", "1", "--check"))[0] == 1
    assert (await command(url, "--replicas", "-1", "--check"))[0] == 1


async def test_a_declaration_that_changed_updates_the_templates_and_the_indices(url: str) -> None:
    await apply(url, ElasticsearchSetup(replicas=0))
    async with opened(url) as sink:
        await sink.write([removed("1")])
    assert await check(url, ElasticsearchSetup(replicas=1)) == [
        Difference(
            place=place, setting=setting, declared="1", actual="0", state="outdated", applied=False
        )
        for place, setting in [
            (SETTINGS, "template.settings.index.number_of_replicas"),
            (f"index {INDEX}", "number_of_replicas"),
        ]
    ]
    await apply(url, ElasticsearchSetup(replicas=1))
    assert await check(url, ElasticsearchSetup(replicas=1)) == []


async def test_a_retention_is_a_policy_of_the_new_indices_and_of_those_that_exist(url: str) -> None:
    async with opened(url) as sink:
        await sink.write([removed("1")])
        made = await apply(url, ElasticsearchSetup(retention_days=90))
        assert [(d.place, d.setting, d.applied) for d in made] == [
            ("policy dms-retention", "", True),
            (SETTINGS, "template.settings.index.lifecycle.name", True),
            (f"index {INDEX}", "lifecycle.name", True),
        ]
        await sink.write([removed("2", time_text="2026-10-05T12:00:00Z")])
    for index in (INDEX, f"{NAME}-2026.10"):
        settings = call(f"{url}/{index}")[index]["settings"]["index"]["lifecycle"]
        assert settings["name"] == "dms-retention"
        assert "origination_date" in settings
    policy = call(f"{url}/_ilm/policy/dms-retention")["dms-retention"]["policy"]
    assert policy["phases"]["delete"]["min_age"] == "90d"
    assert await check(url, ElasticsearchSetup(retention_days=90)) == []
    [longer] = await check(url, ElasticsearchSetup(retention_days=365))
    assert (longer.setting, longer.declared, longer.actual, longer.state) == (
        "phases.delete.min_age",
        "365d",
        "90d",
        "outdated",
    )


async def test_a_policy_that_somebody_changed_is_left_as_it_is(url: str) -> None:
    await apply(url, ElasticsearchSetup(retention_days=90))
    policy = call(f"{url}/_ilm/policy/dms-retention")["dms-retention"]["policy"]
    policy["phases"]["delete"]["min_age"] = "7d"
    call(f"{url}/_ilm/policy/dms-retention", "PUT", {"policy": policy})
    [changed] = await apply(url, ElasticsearchSetup(retention_days=90))
    assert (changed.actual, changed.state, changed.applied) == ("7d", "changed", False)
    [changed] = await apply(url, ElasticsearchSetup(retention_days=90), overwrite=True)
    assert changed.applied


async def test_a_change_that_takes_a_new_index_says_so(url: str) -> None:
    await apply(url)
    async with opened(url) as sink:
        await sink.write([removed("1")])
    [template, index] = await apply(url, ElasticsearchSetup(shards=3))
    assert (template.place, template.applied) == (SETTINGS, True)
    assert (index.place, index.setting) == (f"index {INDEX}", "number_of_shards")
    assert (index.state, index.applied) == ("refused", False)
    assert "it takes a new index" in index.fix


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


@contextmanager
def template(url: str, name: str, **body: Any) -> Iterator[None]:
    call(f"{url}/_index_template/{name}", "PUT", body)
    try:
        yield
    finally:
        call(f"{url}/_index_template/{name}", "DELETE")


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


async def test_another_prefix_has_templates_of_its_own(url: str) -> None:
    await apply(url)
    other = await check(url, ElasticsearchSetup(prefix="dms_test"))
    assert {d.state for d in other} == {"missing"}
    assert "index template dms_test-elk_stats.service_call" in {d.place for d in other}


async def test_what_an_operator_adds_stands_in_a_template_of_its_own(url: str) -> None:
    await apply(url)
    own = {"template": {"settings": {"index": {"codec": "best_compression"}}}}
    call(f"{url}/_component_template/dms-custom", "PUT", own)
    async with opened(url) as sink:
        await sink.write([removed("1")])
    assert call(f"{url}/{INDEX}")[INDEX]["settings"]["index"]["codec"] == "best_compression"
    assert await check(url) == []


async def test_the_shards_are_counted(url: str) -> None:
    async with opened(url) as sink:
        await sink.write([removed("1"), removed("2", time_text="2026-10-05T12:00:00Z")])
    shards = (await check_setup(url, ElasticsearchSetup(replicas=1))).shards
    assert shards is not None
    assert (shards.types, shards.each, shards.limit) == (1, 2, 1000)
    assert shards.months_left == (1000 - shards.used) // 2


@pytest.mark.parametrize("wrong", [{"replicas": -1}, {"shards": 0}, {"retention_days": 0}])
def test_a_number_that_is_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be at least"):
        ElasticsearchSetup(**wrong)
