"""Why the sink does not connect: the error names the host, the port, the cause and what to do."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from dms_events.errors import ConfigError, DmsEventsError, SinkError
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.client import Connection
from tests.kit.servers.certificate import Authority
from tests.kit.servers.hanging import silent, unreachable
from tests.kit.servers.listening import listening

PAGE = b"<html><head><TITLE>\n  Bad &amp; gone \x1b </TITLE></head></html>"
ELASTICSEARCH = {"version": {"number": "9.4.3", "build_flavor": "default"}}
PRODUCT = "X-Elastic-Product: Elasticsearch\r\n"


def http(status: int, body: object, headers: str = PRODUCT) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} x\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


@asynccontextmanager
async def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The loopback host and port of a server that answers each request so, and then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read(1 << 16)
            writer.write(answer)
            await writer.drain()

    async with listening(serve, tls=tls) as port:
        yield f"127.0.0.1:{port}"


async def refusal(url: str, **options: Any) -> DmsEventsError:
    """The error of opening a sink there."""
    with pytest.raises((ConfigError, SinkError)) as raised:
        await ElasticsearchSink(url, **options).open()
    return raised.value


async def test_a_port_on_which_nothing_listens() -> None:
    async with answering(b"") as place:
        pass
    error = await refusal(f"http://{place}")
    assert str(error) == f"connecting: http://{place}: no connection (Connection refused)"
    assert isinstance(error, SinkError)


async def test_a_name_that_nobody_has() -> None:
    error = await refusal("http://nobody.invalid:9200")
    assert str(error).startswith("connecting: http://nobody.invalid:9200: unknown host (")
    assert isinstance(error, SinkError)


async def test_a_network_to_which_there_is_no_way() -> None:
    error = await refusal("http://255.255.255.255:9200")
    assert str(error).startswith("connecting: http://255.255.255.255:9200: no connection (")
    assert isinstance(error, SinkError)


async def test_a_host_that_does_not_answer_or_not_even_accept() -> None:
    async with silent() as accepts, unreachable() as does_not:
        for hanging in (accepts, does_not):
            error = await refusal(f"http://{hanging.address}", timeout_s=0.2)
            said = f"connecting: http://{hanging.address}: no answer within 0.2 s"
            assert (str(error), type(error)) == (said, SinkError)


async def test_of_several_hosts_one_that_answers_is_enough() -> None:
    async with answering(http(200, ELASTICSEARCH)) as good, answering(b"") as mute:
        connection = Connection(f"http://{mute},http://{good}")
        assert (await connection.open()).number == "9.4.3"
        await connection.close()


async def test_of_several_hosts_each_says_why_not() -> None:
    async with answering(b"") as closed:
        pass
    async with answering(http(503, PAGE, "")) as proxy:
        error = await refusal(f"http://{closed},http://{proxy}")
    assert re.fullmatch(f"connecting: http://{closed}: no .*; http://{proxy}: 503 .*", str(error))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(200, PAGE, ""), r"what answers is not Elasticsearch: the page 'Bad & gone \x1b'"),
        (http(200, {"hello": 1}, ""), """what answers is not Elasticsearch: {"hello":1}"""),
        (http(200, b"", ""), "what answers is not Elasticsearch: nothing"),
        (http(200, ELASTICSEARCH, ""), "says that it is version 9.4.3, but not Elasticsearch"),
        (
            http(502, PAGE, ""),
            r"502 by something before Elasticsearch, such as a proxy: the page 'Bad",
        ),
        (http(504, b"", ""), "504, without a word"),
        (http(503, {"error": {"type": "t", "reason": "r"}, "status": 503}), "503 t: r"),
        (http(200, b"[" * 60_000, ""), "what answers is not Elasticsearch: [[["),
        (http(200, b"<title" * 10_000, ""), "what answers is not Elasticsearch: <title<title"),
        (http(502, b"\xff\xfe", ""), "such as a proxy: \N{REPLACEMENT CHARACTER}"),
        (b"220 mail.example ESMTP\r\n\r\n", "its answer is no HTTP"),
        (b"", "it closed the connection without an answer"),
        (http(200, ELASTICSEARCH)[:-20], "its answer was cut off"),
    ],
)
async def test_what_is_no_elasticsearch_or_none_yet(answer: bytes, said: str) -> None:
    async with answering(answer) as place:
        error = await refusal(f"http://{place}")
    assert str(error).startswith(f"connecting: http://{place}: ")
    assert said in str(error)
    assert isinstance(error, SinkError)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (
            {"number": "2.19.1", "distribution": "opensearch"},
            "OpenSearch 2.19.1 answers; this sink writes to Elasticsearch 8.19 or newer",
        ),
        ({"number": "7.17.29"}, "Elasticsearch 7.17.29 is too old: upgrade the server to 8.19 or"),
        ({"number": "8.18.8"}, "Elasticsearch 8.18.8 is too old: upgrade the server to 8.19 or"),
    ],
)
async def test_another_product_and_an_old_server_are_named(
    version: dict[str, str], said: str
) -> None:
    async with answering(http(200, {"version": version})) as place:
        error = await refusal(f"http://{place}")
    assert isinstance(error, ConfigError)
    assert said in str(error)


async def test_the_number_of_serverless_says_nothing() -> None:
    serverless = {"version": {"number": "8.11.0", "build_flavor": "serverless"}}
    async with answering(http(200, serverless)) as place:
        connection = Connection(f"http://{place}")
        assert (await connection.open()).serverless
        await connection.close()


async def test_a_redirect_is_not_followed_but_named() -> None:
    there = "https://elsewhere.example/es/"
    async with answering(http(301, PAGE, f"Location: {there}\r\n")) as place:
        error = await refusal(f"http://{place}", api_key="c2VjcmV0")
    assert isinstance(error, ConfigError)
    assert error.reason == f"http://{place} answers 301, a redirect to {there}: give that URL"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    """Of a server whose certificate is for the loopback address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("server"))
    return context


async def test_tls_spoken_to_a_port_without_and_the_other_way_round(tls: ssl.SSLContext) -> None:
    async with answering(http(400, b"")) as plain:
        error = await refusal(f"https://{plain}")
        assert (
            error.args[1]
            == f"https://{plain}: it does not speak TLS: write http:// in place of https://"
        )
    for answer in (b"", http(400, PAGE, "")):
        async with answering(answer, tls) as secure:
            error = await refusal(f"http://{secure}")
        assert str(error) == "url: " + f"http://{secure} speaks TLS: write https://"


async def test_a_ca_that_is_not_known_here(tls: ssl.SSLContext, tmp_path: Path) -> None:
    other = Authority(tmp_path).certificate
    async with answering(http(200, ELASTICSEARCH), tls) as place:
        for options in ({}, {"ca_certs": other}):
            error = await refusal(f"https://{place}", **options)
            assert isinstance(error, ConfigError)
            assert error.reason.startswith(
                f"https://{place}: no CA that is trusted here has signed"
            )
            assert error.reason.endswith("give the CA's file as ca_certs (--ca-certs)")


async def test_a_certificate_for_another_name_says_for_which(authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("other", "DNS:es01.example,IP:10.0.0.1"))
    async with answering(http(200, ELASTICSEARCH), context) as place:
        error = await refusal(f"https://{place}", ca_certs=authority.certificate)
    assert isinstance(error, ConfigError)
    assert "IP address mismatch, certificate is not valid for '127.0.0.1'" in error.reason
    assert error.reason.endswith("It is for es01.example, 10.0.0.1: connect to one of these")


def test_a_file_without_what_is_needed_is_named(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.sign("own")
    (empty := tmp_path / "empty.pem").touch()
    no_certificate = f"{empty}: it holds no certificate (PEM)"
    no_key = f"{cert}: it is no certificate (PEM) with a key without a password"
    for options, said in (
        ({"ca_certs": "/nowhere.pem"}, "ca_certs: /nowhere.pem: No such file or directory"),
        ({"ca_certs": empty}, f"ca_certs: {no_certificate}"),
        ({"client_cert": cert}, f"client_cert: {no_key}"),
        ({"client_cert": cert, "client_key": encrypted(key)}, f"client_cert: {no_key}"),
        ({"client_cert": cert, "client_key": "/nowhere"}, "client_key: /nowhere: No such file or"),
    ):
        with pytest.raises(ConfigError) as raised:
            Connection("https://127.0.0.1:1", **options)
        assert str(raised.value).startswith(said)


def encrypted(key: Path) -> Path:
    """The same key behind a password."""
    there = key.with_suffix(".encrypted")
    command = f"openssl pkey -in {key} -aes256 -passout pass:hush -out {there}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return there


class Elasticsearch(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.wfile.write(http(200, ELASTICSEARCH))

    def log_message(self, *_: object) -> None:
        """It would go to stderr."""


@contextmanager
def asking(tls: ssl.SSLContext) -> Iterator[str]:
    """A server in a thread: with asyncio's, the alert of a refused certificate does not arrive."""
    server = HTTPServer(("127.0.0.1", 0), Elasticsearch)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_server_that_asks_for_a_certificate(authority: Authority, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("asking"))
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    known, foreign = authority.sign("client"), Authority(tmp_path).sign("client")
    with asking(context) as place:
        error = await refusal(f"https://{place}", ca_certs=authority.certificate)
        assert "it asks for a certificate: give client_cert (--client-cert)" in str(error)
        given: Any = {"client_cert": foreign[0], "client_key": foreign[1]}
        error = await refusal(f"https://{place}", ca_certs=authority.certificate, **given)
        assert "it does not trust the CA of the client's certificate" in str(error)
        for way in ({"ca_certs": authority.certificate}, {"ca_fingerprint": authority.fingerprint}):
            own: Any = {"client_cert": known[0], "client_key": known[1], **way}
            connection = Connection(f"https://{place}", **own)
            assert (await connection.open()).number == "9.4.3"
            await connection.close()
