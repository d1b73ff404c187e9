"""``dms-events elasticsearch setup`` on a real server: what is declared is made, compared and updated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events_elasticsearch import Difference, ElasticsearchSetup, check_setup
from dms_events_elasticsearch.setup.templates import index_templates
from tests.kit.servers.elasticsearch import call

from .setting_up import INDEX, SETTINGS, apply, bare, check, command
from .test_elasticsearch import opened, removed
from .test_elasticsearch_upgrade import NAME


@pytest.fixture
def url(empty_elasticsearch_url: str) -> Iterator[str]:
    with bare(empty_elasticsearch_url) as url:
        yield url


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


async def test_a_change_that_takes_a_new_index_says_so(url: str) -> None:
    await apply(url)
    async with opened(url) as sink:
        await sink.write([removed("1")])
    [template, index] = await apply(url, ElasticsearchSetup(shards=3))
    assert (template.place, template.applied) == (SETTINGS, True)
    assert (index.place, index.setting) == (f"index {INDEX}", "number_of_shards")
    assert (index.state, index.applied) == ("refused", False)
    assert "it takes a new index" in index.fix


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
