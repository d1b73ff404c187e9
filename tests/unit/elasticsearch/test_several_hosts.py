"""Several hosts of one cluster: a lost one is left out, and no request goes to two of them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from dms_events.errors import ConfigError, SinkError
from dms_events.sink import Verdict
from dms_events_elasticsearch.client import Connection, translated
from dms_events_elasticsearch.connection.address import read_url
from tests.kit.servers.scripted_elasticsearch import Answer, documents, server, sink_at

BATCHES = 6
"""Enough for each host to have its turn."""


async def test_writes_go_on_while_one_of_three_hosts_is_gone() -> None:
    async with server() as first, server() as second:
        async with server() as gone, sink_at(f"{gone},{first},{second}") as sink:
            before = await sink.write(documents(2))
        async with sink_at(f"{gone},{first},{second}") as sink:
            judged = [await sink.write(documents(2)) for _ in range(BATCHES)]
    assert {one.verdict for batch in (before, *judged) for one in batch} == {Verdict.STORED}


async def test_a_host_that_is_lost_while_the_sink_writes_costs_no_batch() -> None:
    async with server() as kept, AsyncExitStack() as stack:
        async with server() as lost:
            sink = await stack.enter_async_context(sink_at(f"{lost},{kept}"))
            await sink.write(documents(1))
        judged = [await sink.write(documents(2)) for _ in range(BATCHES)]
    assert {one.verdict for batch in judged for one in batch} == {Verdict.STORED}


async def test_the_client_sends_a_post_that_may_have_arrived_to_no_other_host() -> None:
    asked: list[list[str]] = []

    def breaks(ids: list[str]) -> Answer:
        asked.append(ids)
        raise ConnectionError

    body = b'{"create":{"_index":"i","_id":"0"}}\n{}\n'
    headers = {"accept": "application/json", "content-type": "application/x-ndjson"}
    async with server(breaks) as one, server(breaks) as other:
        connection = Connection(f"{one},{other}")
        await connection.open()
        with pytest.raises(SinkError, match="without an answer"), translated("writing"):
            await connection.client.perform_request("POST", "/_bulk", headers=headers, body=body)
        await connection.close()
    assert asked == [["0"]]


@pytest.mark.parametrize(
    ("url", "hosts", "login"),
    [
        ("http://es:9200", ("http://es:9200",), None),
        ("https://me:a%2Cb@a:1, https://b:2/es/", ("https://a:1", "https://b:2/es"), ("me", "a,b")),
        ("https://me:x@a:1,https://me:x@b:2", ("https://a:1", "https://b:2"), ("me", "x")),
        ("http://[::1]:9200", ("http://[::1]:9200",), None),
        # "example.org$abc$def" and "example.org:9243$abc$", as the cloud writes them
        ("elastic-cloud:name:ZXhhbXBsZS5vcmckYWJjJGRlZg==", ("https://abc.example.org:443",), None),
        ("elastic-cloud:n:ZXhhbXBsZS5vcmc6OTI0MyRhYmMk", ("https://abc.example.org:9243",), None),
    ],
)
def test_an_address_has_one_login_and_any_number_of_hosts(
    url: str, hosts: tuple[str, ...], login: tuple[str, str] | None
) -> None:
    address = read_url(url)
    assert (address.hosts, address.login) == (hosts, login)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:secret@a:1,https://b:2",
        "http://me:secret@a:1,http://you:secret@b:2",
        "http://me:secret@a:1,,http://b:2",
        "http://me:sec,ret@a:1",
        "http://me:secret@a..b:1",
        f"http://me:secret@{'a' * 64}.b:1",
        "elastic-cloud:secret",
        "elastic-cloud:name:c2VjcmV0",
    ],
)
def test_an_address_that_cannot_work_is_an_error_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_url(url)
    assert "secret" not in repr((raised.value, raised.value.__cause__, raised.value.__context__))
