"""The privileges that docs/elasticsearch.md names are enough, and a lack of one is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events.sink import Verdict
from dms_events_elasticsearch import ElasticsearchSetup, apply_setup, check_setup
from tests.kit.programs.processes import CLI, run
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch

from .test_elasticsearch import opened, removed, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("secured_elasticsearch")]

INDEX = "dms-elk_stats.service_remove-2026.11"
WRITING = ["create_doc", "create_index", "view_index_metadata"]
SETTING_UP = ["monitor", "manage_index_templates", "manage_ilm"]


def role(cluster: list[str], indices: list[str]) -> dict[str, Any]:
    return {"cluster": cluster, "indices": [{"names": ["dms-*"], "privileges": indices}]}


@pytest.fixture
def server(secured_elasticsearch: SecuredElasticsearch) -> Iterator[SecuredElasticsearch]:
    """Without any index or template of ours."""

    def empty() -> None:
        for index in secured_elasticsearch.call("/_cat/indices/dms-*?format=json"):
            secured_elasticsearch.call(f"/{index['index']}", "DELETE")
        for kind in ("_index_template", "_component_template"):
            listed = secured_elasticsearch.call(f"/{kind}")[f"{kind[1:]}s"]
            if any(each["name"].startswith("dms-") for each in listed):
                secured_elasticsearch.call(f"/{kind}/dms-*", "DELETE")

    empty()
    yield secured_elasticsearch
    empty()


def access(server: SecuredElasticsearch, cluster: list[str], indices: list[str]) -> dict[str, Any]:
    _, key = server.api_key(**role(cluster, indices))
    return {"api_key": key, "ca_certs": server.ca_certs}


async def test_the_privileges_of_the_setup_are_enough(server: SecuredElasticsearch) -> None:
    able = access(server, SETTING_UP, ["manage", *WRITING])
    declared = ElasticsearchSetup(replicas=0)
    await apply_setup(server.url, declared, **able)
    async with opened(server.url, **able) as sink:
        assert verdicts(await sink.write([removed("1")])) == [Verdict.STORED]
    again = ElasticsearchSetup(replicas=1)
    assert all(d.applied for d in (await apply_setup(server.url, again, **able)).differences)
    assert (await check_setup(server.url, again, **able)).differences == []


async def test_the_privileges_of_a_sink_are_enough_after_a_setup(
    server: SecuredElasticsearch,
) -> None:
    everything: dict[str, Any] = {"basic_auth": server.login, "ca_certs": server.ca_certs}
    await apply_setup(server.url, ElasticsearchSetup(replicas=0), **everything)
    async with opened(server.url, **access(server, ["monitor"], WRITING)) as sink:
        assert verdicts(await sink.write([removed("1")])) == [Verdict.STORED]
        assert verdicts(await sink.write([removed("1")])) == [Verdict.DUPLICATE]
    report = await check_setup(server.url, ElasticsearchSetup(replicas=0), **everything)
    assert report.differences == []


async def test_a_sink_with_few_privileges_says_before_a_setup_that_one_is_needed(
    server: SecuredElasticsearch,
) -> None:
    with pytest.raises(ConfigError, match="`dms-events elasticsearch setup`"):
        async with opened(server.url, **access(server, ["monitor"], WRITING)):
            pass


async def test_a_sink_that_may_make_no_index_has_them_made_by_the_server_and_says_what_is_lost(
    server: SecuredElasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    everything: dict[str, Any] = {"basic_auth": server.login, "ca_certs": server.ca_certs}
    await apply_setup(server.url, ElasticsearchSetup(replicas=0), **everything)
    writing = ["create_doc", "auto_configure", "view_index_metadata"]
    async with opened(server.url, **access(server, ["monitor"], writing)) as sink:
        for id in ("1", "2"):
            assert verdicts(await sink.write([removed(id)])) == [Verdict.STORED]
    assert [r.message for r in caplog.records if "age from their creation" in r.message] != []
    made = server.call(f"/{INDEX}")[INDEX]
    assert "lifecycle" not in made["settings"]["index"]
    assert set(made["aliases"]) == {"dms-all", "dms-elk_stats.service_remove"}


async def test_a_retention_is_refused_where_the_server_keeps_no_policies_and_the_rest_is_set_up(
    server: SecuredElasticsearch,
) -> None:
    able = access(server, SETTING_UP, ["manage", *WRITING])
    declared = ElasticsearchSetup(replicas=0, retention_days=90)
    found = (await apply_setup(server.url, declared, **able)).differences
    [refused] = [d for d in found if not d.applied]
    assert (refused.place, refused.state) == ("policy dms-retention", "refused")
    assert "the server has no lifecycle policies" in refused.fix


async def test_the_command_takes_the_way_to_the_server_and_the_settings_from_the_environment(
    server: SecuredElasticsearch,
) -> None:
    user, password = server.login
    variables = {
        "DMS_EVENTS_SINK": server.url,
        "DMS_EVENTS_ELASTICSEARCH_USER": user,
        "DMS_EVENTS_ELASTICSEARCH_PASSWORD": password,
        "DMS_EVENTS_ELASTICSEARCH_CA_CERTS": server.ca_certs,
        "DMS_EVENTS_ELASTICSEARCH_REPLICAS": "0",
    }
    for words, code in (["--check"], 1), ([], 0), (["--check"], 0):
        done = await run(*CLI, "elasticsearch", "setup", *words, env=variables)
        assert done.code == code, done
    settings = server.call("/_component_template/dms-settings")["component_templates"][0]
    options = settings["component_template"]["template"]["settings"]["index"]
    assert options == {"number_of_replicas": "0"}
