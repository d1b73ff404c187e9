"""The monitor's HTTP server: clients that are slow, wrong or many do no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from dms_events.errors import ConfigError
from dms_events.monitor import http
from dms_events.monitor.http import HttpServer, Reply


@pytest_asyncio.fixture
async def server() -> AsyncIterator[HttpServer]:
    async def page() -> Reply:
        return Reply("200 OK", "a text with ü\n")

    async with HttpServer({"/page": page}, "127.0.0.1", 0) as running:
        yield running


async def asked(server: HttpServer, request: bytes, *, end: bool = False) -> bytes:
    """What the server says before it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        if end:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_page_has_its_length_and_type(server: HttpServer) -> None:
    head, _, body = (await asked(server, b"GET /page?x=1 HTTP/1.1\r\n\r\n")).partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 200 OK"
    assert b"Content-Length: 15" in head.splitlines()
    assert b"Content-Type: text/plain; charset=utf-8" in head.splitlines()
    assert body.decode() == "a text with ü\n"


async def test_head_has_no_body(server: HttpServer) -> None:
    said = await asked(server, b"HEAD /page HTTP/1.0\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /page HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /page\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x00\xff\r\n\r\n", b"400"),
        (b"GET /page HTTP/1.1\r\nX: " + b"x" * 100_000, b"431"),
    ],
)
async def test_a_wrong_request_gets_an_error_and_the_next_one_its_page(
    server: HttpServer, request_: bytes, status: bytes
) -> None:
    said = await asked(server, request_)
    # A reset for bytes that were never read may overtake the answer.
    assert said[9:12] == status or (status == b"431" and not said)
    assert b"200 OK" in await asked(server, b"GET /page HTTP/1.1\r\n\r\n")


async def test_a_client_that_ends_in_its_request_gets_nothing(server: HttpServer) -> None:
    assert await asked(server, b"GET /pa", end=True) == b""


async def test_a_client_that_says_nothing_is_left(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT_S", 0.1)
    assert await asked(server, b"GET /page") == b""


async def test_connections_beyond_the_limit_are_closed_at_once(server: HttpServer) -> None:
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(http._MOST)]
    for _, writer in held:
        writer.write(b"G")
        await writer.drain()
    while len(server._exchanges) < http._MOST:  # noqa: ASYNC110 - the server accepts in its turn
        await asyncio.sleep(0)
    assert await asked(server, b"GET /page HTTP/1.1\r\n\r\n") == b""
    held[0][1].write(b"ET /page HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"200 OK" in await held[0][0].read()
    for _, writer in held:
        writer.close()


async def test_a_port_that_is_taken_is_said(server: HttpServer) -> None:
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        async with HttpServer({}, "127.0.0.1", server.port):
            pass


async def test_leaving_ends_the_clients_that_are_connected() -> None:
    async with HttpServer({}, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"G")
        while not len(server._exchanges):  # noqa: ASYNC110
            await asyncio.sleep(0)
    async with asyncio.timeout(10):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
