"""What a person is told when Kibana cannot be reached, refuses, or is something else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events_kibana import Kibana, KibanaError, install
from tests.kit.kibana.server import Asked, scripted_kibana
from tests.kit.servers.certificate import self_signed
from tests.kit.servers.listening import listening

Json = dict[str, Any]
PAGE = b"<html>Welcome</html>"


async def told_by(url: str, **options: Any) -> str:
    async with Kibana(url, **options) as kibana:
        with pytest.raises(KibanaError) as raised:
            await install(kibana)
    return str(raised.value)


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (401, {"message": "no"}, "refuses the login: check the API key"),
        (403, {"message": "no"}, "needs the privilege All for Dashboard"),
        (404, {"message": "Not Found"}, "refuses it (status 404): Not Found"),
        (302, b"", "redirects to elsewhere"),
        (500, {"message": "Cannot read properties"}, "(status 500): Cannot read properties"),
        (422, {"message": "Document belongs to a more recent version"}, "a more recent version"),
        (503, b"Kibana server is not ready yet", "is not ready yet (status 503)"),
        (200, PAGE, "is no Kibana"),
        (500, PAGE, "is no Kibana"),
        (200, b"[]", "is no Kibana"),
        (200, b'{"a":' * 100_000, "is no Kibana"),
        (200, {"status": "ok"}, "is no Kibana"),
        (200, {"status": {"overall": []}}, "is no Kibana"),
        (200, {"version": {"number": 9}}, "is no Kibana"),
    ],
)
async def test_a_refusal_is_told_in_words(status: int, said: Json | bytes, told: str) -> None:
    async with scripted_kibana(script=lambda asked: (status, said)) as server:
        assert told in await told_by(server.url)


@pytest.mark.parametrize(
    "said",
    [
        PAGE,
        b'{"saved": "objects"}',
        b"[1]",
        b'{"id": "x"}',
        b'{"id": "x", "type": "t", "attributes": []}',
    ],
)
async def test_an_export_of_something_else_is_told(said: bytes) -> None:
    def script(asked: Asked) -> tuple[int, bytes] | None:
        return (200, said) if "_export" in asked.path else None

    async with scripted_kibana(script=script) as server:
        assert "exports something else" in await told_by(server.url)


async def test_an_import_that_says_nothing_of_success_is_refused() -> None:
    def script(asked: Asked) -> tuple[int, Json] | None:
        return (200, {}) if "_import" in asked.path else None

    async with scripted_kibana(script=script) as server:
        assert "does not import the dashboards" in await told_by(server.url)


async def test_a_space_that_is_not_there_is_named() -> None:
    async with scripted_kibana(space="here") as server:
        assert "has no space 'there'" in await told_by(server.url, space="there")


async def test_where_nothing_listens_the_error_names_the_place() -> None:
    async with scripted_kibana() as server:
        pass
    assert f"cannot connect to {server.url}" in await told_by(server.url)


async def test_an_unknown_host_is_told() -> None:
    assert "the host of http://nowhere.invalid:1 is unknown" in await told_by(
        "http://nowhere.invalid:1"
    )


async def test_a_server_without_tls_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listening(serve) as port:
        assert "does not speak TLS" in await told_by(f"https://127.0.0.1:{port}")


async def test_a_certificate_is_trusted_by_its_ca_alone(tmp_path: Path) -> None:
    certificate, key = await self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with scripted_kibana(tls=tls) as server:
        assert "is not trusted: name its CA's file" in await told_by(server.url)
        async with Kibana(server.url, ca_certs=str(certificate)) as kibana:
            assert (await install(kibana)).differences == []


async def test_a_server_that_never_answers_ends_with_an_error() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(serve) as port:
        url = f"http://127.0.0.1:{port}"
        assert "did not answer in 0.2 s" in await told_by(url, timeout_s=0.2)


async def test_a_connection_that_breaks_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()

    async with listening(serve) as port:
        assert "broke" in await told_by(f"http://127.0.0.1:{port}")


async def test_an_answer_without_end_is_cut_off() -> None:
    async with scripted_kibana(script=lambda asked: (200, b"x" * 33 * 1024 * 1024)) as server:
        assert "answers more than" in await told_by(server.url)


async def test_a_kibana_that_starts_is_waited_for() -> None:
    def starting(asked: Asked) -> tuple[int, Json | bytes] | None:
        match len(server.asked):
            case 1:
                return 503, b"Kibana server is not ready yet"
            case 2:
                return 200, {"status": {"overall": {"level": "unavailable"}}}
        return None

    async with scripted_kibana(script=starting) as server, Kibana(server.url) as kibana:
        assert (await install(kibana, wait_s=60)).differences == []


async def test_a_refused_login_is_not_waited_for() -> None:
    async with scripted_kibana(script=lambda asked: (401, {})) as server:
        async with Kibana(server.url) as kibana:
            with pytest.raises(KibanaError, match="refuses the login"):
                await install(kibana, wait_s=600)
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("url", "options", "setting"),
    [
        ("kibana:5601", {}, "url"),
        ("http://", {}, "url"),
        ("http://user:s3cret@host:5601", {}, "url"),
        ("http://user:s3cret/x@host:5601", {}, "url"),
        ("http://host:s3cret", {}, "url"),
        ("http://host:5601?space=x", {}, "url"),
        ("http://a..b:5601", {}, "url"),
        ("http://host:5601", {"space": "My Space"}, "space"),
        ("http://host:5601", {"api_key": "s3cret", "basic_auth": ("user", "s3cret")}, "basic_auth"),
        ("https://host:5601", {"ca_certs": "/nowhere.pem"}, "ca_certs"),
    ],
)
def test_a_wrong_argument_is_a_config_error_without_secrets(
    url: str, options: Json, setting: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        Kibana(url, **options)
    assert raised.value.setting == setting
    assert "s3cret" not in str(raised.value)


def test_a_file_that_holds_no_certificate_is_a_config_error(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(ConfigError, match="ca_certs"):
        Kibana("https://host:5601", ca_certs=str(file))


async def test_no_error_shows_the_key() -> None:
    for status in (400, 401, 403, 500):
        async with scripted_kibana(script=lambda asked, s=status: (s, {"message": "no"})) as server:
            assert "s3cret" not in await told_by(server.url, api_key="s3cret")
