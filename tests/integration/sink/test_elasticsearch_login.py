"""The Elasticsearch sink at a server with TLS and passwords."""

from __future__ import annotations

from typing import Any

import pytest

from dms_events.errors import SinkError
from dms_events.sink import SinkUnavailableError, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch

from .test_elasticsearch import opened, removed, verdicts


@pytest.mark.parametrize("way", ["api_key", "basic_auth"])
async def test_the_sink_writes_with_each_way_to_log_in(
    secured_elasticsearch: SecuredElasticsearch, way: str
) -> None:
    options: dict[str, Any] = {
        "api_key": lambda: secured_elasticsearch.api_key()[1],
        "basic_auth": lambda: secured_elasticsearch.login,
    }
    given = {way: options[way](), "ca_certs": secured_elasticsearch.ca_certs}
    async with opened(secured_elasticsearch.url, **given) as sink:
        judged = await sink.write([removed(way)])
    assert verdicts(judged) == [Verdict.STORED]


async def test_a_revoked_key_is_for_later_and_a_wrong_one_an_error_at_start(
    secured_elasticsearch: SecuredElasticsearch,
) -> None:
    key_id, key = secured_elasticsearch.api_key()
    options: Any = {"api_key": key, "ca_certs": secured_elasticsearch.ca_certs}
    async with opened(secured_elasticsearch.url, **options) as sink:
        secured_elasticsearch.revoke(key_id)
        with pytest.raises(SinkUnavailableError, match="401"):
            await sink.write([removed("late")])
    with pytest.raises(SinkError, match="401"):
        await ElasticsearchSink(secured_elasticsearch.url, **options).open()
