"""The Elasticsearch sink at a server with TLS and passwords."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events.sink import SinkUnavailableError, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from tests.kit.servers.certificate import Authority
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch

from .test_elasticsearch import opened, removed, verdicts

WAYS: dict[str, Callable[[SecuredElasticsearch], Any]] = {
    "api_key": lambda server: server.api_key()[1],
    "basic_auth": lambda server: server.login,
    "bearer_auth": lambda server: server.token(),
}


@pytest.mark.parametrize("way", WAYS)
async def test_the_sink_writes_with_each_way_to_log_in(
    secured_elasticsearch: SecuredElasticsearch, way: str
) -> None:
    given = {way: WAYS[way](secured_elasticsearch), "ca_certs": secured_elasticsearch.ca_certs}
    async with opened(secured_elasticsearch.url, **given) as sink:
        assert verdicts(await sink.write([removed(way)])) == [Verdict.STORED]


@pytest.mark.parametrize("of", ["server", "ca"])
async def test_one_fingerprint_is_trusted_in_place_of_a_ca_file(
    secured_elasticsearch: SecuredElasticsearch, of: str
) -> None:
    url, security = secured_elasticsearch.url, secured_elasticsearch.security
    prints = {"server": security.fingerprint, "ca": security.authority.fingerprint}
    options: Any = {"basic_auth": secured_elasticsearch.login, "ca_fingerprint": prints[of]}
    async with opened(url, **options) as sink:
        assert verdicts(await sink.write([removed(f"print of {of}")])) == [Verdict.STORED]


async def test_the_fingerprint_of_another_ca_is_an_error_that_names_those_there_are(
    secured_elasticsearch: SecuredElasticsearch, tmp_path: Path
) -> None:
    security = secured_elasticsearch.security
    other = Authority(tmp_path).fingerprint
    with pytest.raises(ConfigError, match="no certificate with this SHA-256") as raised:
        await ElasticsearchSink(secured_elasticsearch.url, ca_fingerprint=other).open()
    assert security.fingerprint in str(raised.value)
    assert security.authority.fingerprint in str(raised.value)


async def test_a_server_with_tls_is_told_from_one_without(
    secured_elasticsearch: SecuredElasticsearch,
) -> None:
    plain = secured_elasticsearch.url.replace("https:", "http:")
    with pytest.raises(ConfigError, match="speaks TLS: write https://"):
        await ElasticsearchSink(plain).open()
    with pytest.raises(ConfigError, match="no CA that is trusted here has signed"):
        await ElasticsearchSink(secured_elasticsearch.url).open()


async def test_a_revoked_key_is_for_later_until_its_file_has_a_new_one(
    secured_elasticsearch: SecuredElasticsearch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    key_id, key = secured_elasticsearch.api_key()
    file.write_text(f"{key}\n")
    options: Any = {"api_key": file, "ca_certs": secured_elasticsearch.ca_certs}
    async with opened(secured_elasticsearch.url, **options) as sink:
        assert verdicts(await sink.write([removed("before")])) == [Verdict.STORED]
        secured_elasticsearch.revoke(key_id)
        with pytest.raises(SinkUnavailableError, match="401 security_exception"):
            await sink.write([removed("after")])
        file.write_text(secured_elasticsearch.api_key()[1])
        assert verdicts(await sink.write([removed("after")])) == [Verdict.STORED]


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({}, "give an API key, a token, or user and password"),
        ({"api_key": "bm9ib2R5Om5vdGhpbmc="}, "check the API key"),
        ({"basic_auth": ("tests", "wrong-secret")}, "check user and password"),
        ({"bearer_auth": "wrong-secret"}, "check the token"),
    ],
)
async def test_an_account_that_the_server_refuses_is_an_error_at_once(
    secured_elasticsearch: SecuredElasticsearch, options: dict[str, Any], cure: str
) -> None:
    options = {**options, "ca_certs": secured_elasticsearch.ca_certs}
    with pytest.raises(ConfigError, match="401 security_exception") as raised:
        await ElasticsearchSink(secured_elasticsearch.url, **options).open()
    assert str(raised.value).endswith(cure)
    assert "wrong-secret" not in repr(raised.value)


@pytest.mark.parametrize(
    ("cluster", "lacks"),
    [([], "cluster privilege `monitor`"), (["monitor"], "is granted by the index privileges")],
)
async def test_an_account_without_a_privilege_is_an_error_at_once(
    secured_elasticsearch: SecuredElasticsearch, cluster: list[str], lacks: str
) -> None:
    _, key = secured_elasticsearch.api_key(cluster=cluster)
    options: Any = {"api_key": key, "ca_certs": secured_elasticsearch.ca_certs}
    with pytest.raises(ConfigError, match="403 security_exception") as raised:
        await ElasticsearchSink(secured_elasticsearch.url, **options).open()
    assert lacks in str(raised.value)
