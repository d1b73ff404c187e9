"""The index of a month is made before its first document, and ages from its month."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch

from dms_events.errors import ConfigError
from dms_events.sink import Verdict
from dms_events_elasticsearch import months
from dms_events_elasticsearch.months import Months
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch import opened, removed, verdicts

ALIAS = "dms-elk_stats.service_remove"
INDEX = f"{ALIAS}-2026.11"
DECEMBER_MS = 1_796_083_200_000


def index(url: str, name: str = INDEX) -> dict[str, Any]:
    found: dict[str, Any] = call(f"{url}/{name}")[name]
    return found


async def test_the_sink_makes_the_index_of_a_month_with_the_date_from_which_it_ages(
    empty_elasticsearch_url: str,
) -> None:
    async with opened(empty_elasticsearch_url) as sink:
        await sink.write([removed("1")])
    made = index(empty_elasticsearch_url)
    assert int(made["settings"]["index"]["lifecycle"]["origination_date"]) == DECEMBER_MS
    assert set(made["aliases"]) == {ALIAS, "dms-all"}
    assert made["mappings"]["dynamic"] == "strict"


async def test_on_a_server_without_lifecycles_an_index_is_made_without_a_date(
    empty_elasticsearch_url: str,
) -> None:
    async with AsyncElasticsearch(empty_elasticsearch_url) as client:
        await Months(client, dated=False).ensure([INDEX])
    assert "lifecycle" not in index(empty_elasticsearch_url)["settings"]["index"]


async def test_an_index_that_was_deleted_meanwhile_is_made_with_its_date_again(
    empty_elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(empty_elasticsearch_url) as sink:
        await sink.write([removed("1")])
        call(f"{empty_elasticsearch_url}/{INDEX}", "DELETE")
        monkeypatch.setattr(months, "_REMEMBERED_S", 0.0)
        await sink.write([removed("2")])
    made = index(empty_elasticsearch_url)
    assert int(made["settings"]["index"]["lifecycle"]["origination_date"]) == DECEMBER_MS


async def test_an_index_that_is_there_is_written_to_and_stays_as_it_is(
    empty_elasticsearch_url: str,
) -> None:
    async with opened(empty_elasticsearch_url) as sink:
        call(f"{empty_elasticsearch_url}/{INDEX}", "PUT")
        before = index(empty_elasticsearch_url)
        assert verdicts(await sink.write([removed("1")])) == [Verdict.STORED]
    assert index(empty_elasticsearch_url) == before


async def test_sinks_that_make_the_same_month_at_once_store_each_event_once(
    empty_elasticsearch_url: str,
) -> None:
    times = [f"2026-{month:02}-05T12:00:00Z" for month in range(1, 5)]
    batch = [removed(f"{n}", time_text=time) for time in times for n in range(20)]

    async def write() -> list[Verdict]:
        async with opened(empty_elasticsearch_url) as sink:
            return verdicts(await sink.write(batch))

    judged = await asyncio.gather(*(write() for _ in range(4)))
    for verdict in zip(*judged, strict=True):
        assert Counter(verdict) == {Verdict.STORED: 1, Verdict.DUPLICATE: 3}


@pytest.fixture
def url_without_automatic_creation(empty_elasticsearch_url: str) -> Iterator[str]:
    def allow(value: object) -> None:
        setting = {"persistent": {"action.auto_create_index": value}}
        call(f"{empty_elasticsearch_url}/_cluster/settings", "PUT", setting)

    allow("false")
    try:
        yield empty_elasticsearch_url
    finally:
        allow(None)


async def test_an_index_is_made_where_the_cluster_makes_none_by_itself(
    url_without_automatic_creation: str,
) -> None:
    async with opened(url_without_automatic_creation) as sink:
        assert verdicts(await sink.write([removed("1")])) == [Verdict.STORED]


async def test_there_an_index_that_was_deleted_is_made_again_at_the_second_try(
    url_without_automatic_creation: str,
) -> None:
    async with opened(url_without_automatic_creation) as sink:
        await sink.write([removed("1")])
        call(f"{url_without_automatic_creation}/{INDEX}", "DELETE")
        assert verdicts(await sink.write([removed("2")])) == [Verdict.RETRY]
        assert verdicts(await sink.write([removed("2")])) == [Verdict.STORED]


async def test_two_networks_with_two_prefixes_share_a_cluster(empty_elasticsearch_url: str) -> None:
    try:
        async with (
            opened(empty_elasticsearch_url) as one,
            opened(empty_elasticsearch_url, prefix="dms_test") as other,
        ):
            for sink in (one, other):
                assert verdicts(await sink.write([removed("1")])) == [Verdict.STORED]
            assert await one.count() == await other.count() == {"elk_stats.ServiceRemove": 1}
        name = "dms_test-elk_stats.service_remove"
        made = index(empty_elasticsearch_url, f"{name}-2026.11")
        assert set(made["aliases"]) == {name, "dms_test-all"}
    finally:
        for kind in ("", "_index_template/", "_component_template/"):
            name = "dms_test-elk_stats.service_remove-2026.11" if not kind else "dms_test-*"
            call(f"{empty_elasticsearch_url}/{kind}{name}", "DELETE")


TAKES_ALL = {"index_patterns": ["dms-*"], "priority": 900, "template": {}}


@pytest.mark.parametrize(
    "template",
    [
        {"index_patterns": ["myapp-*"], "priority": 900},
        {"index_patterns": ["*"], "priority": 1},
        {"index_patterns": ["dms-elk_stats.service_call-archive-*"], "priority": 900},
        {"index_patterns": ["dms_other-*"]},
    ],
)
async def test_the_sink_starts_beside_any_template_that_takes_none_of_its_indices(
    empty_elasticsearch_url: str, template: dict[str, Any]
) -> None:
    url = f"{empty_elasticsearch_url}/_index_template/zz-app"
    call(url, "PUT", template)
    try:
        async with opened(empty_elasticsearch_url) as sink:
            assert verdicts(await sink.write([removed("1")])) == [Verdict.STORED]
    finally:
        call(url, "DELETE")


async def test_a_template_that_takes_an_index_of_ours_is_an_error_that_names_it(
    empty_elasticsearch_url: str,
) -> None:
    url = f"{empty_elasticsearch_url}/_index_template/zz-app"
    call(url, "PUT", TAKES_ALL)
    try:
        with pytest.raises(ConfigError, match=r"zz-app \(dms-\*, priority 900\) takes dms-"):
            async with opened(empty_elasticsearch_url):
                pass
    finally:
        call(url, "DELETE")
