"""A server that refuses a client, or is not there: one error, at once, in the server's words."""

from __future__ import annotations

import logging
import ssl
import time
import traceback
from pathlib import Path

import pytest

import dms_events
from dms_events import ConfigError, ConnectionLostError, DmsEventsError
from dms_events_nats import NatsServer
from tests.kit.servers.certificate import self_signed
from tests.kit.servers.raw import pretending
from tests.kit.storing import call

AT_ONCE_S = 2.0


async def refused(url: str, within_s: float = AT_ONCE_S, **options: object) -> DmsEventsError:
    """The error; it is short, and comes in time."""
    since = time.monotonic()
    with pytest.raises(DmsEventsError) as caught:
        await dms_events.connect(url, **options).open()  # type: ignore[arg-type]
    assert time.monotonic() - since < within_s
    frames = [line for line in traceback.format_exception(caught.value) if "site-packages" in line]
    assert not [line for line in frames if "/nats/aio/" in line], "it shows the client's insides"
    return caught.value


@pytest.mark.parametrize("durable", [True, False])
async def test_a_wrong_password_is_an_error_at_once(
    tmp_path: Path, durable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    config = "authorization { user: me, password: right }"
    async with NatsServer(tmp_path / "nats", config=config) as server:
        url = server.url.replace("//", "//me:wrong@")
        error = await refused(url, durable=durable)
        assert isinstance(error, ConfigError)
        assert "'Authorization Violation'" in str(error)
        assert "wrong" not in str(error)
        assert not [r for r in caplog.records if r.levelno >= logging.WARNING]

        error = await refused(server.url.replace("//", f"//me:{'x' * 5_000}@"), durable=durable)
        assert "'maximum control line exceeded'" in str(error)

        error = await refused(f"{url},{url.replace('127.0.0.1', 'localhost')}", durable=durable)
        assert "'Authorization Violation'" in str(error)

        async with (
            pretending(hang_up=True) as other,
            dms_events.connect(
                f"{url},{other},{server.url.replace('//', '//me:right@')}", durable=durable
            ) as bus,
        ):
            assert await bus.publish(call(1)), "one of the servers takes it"


async def test_an_account_without_jetstream_is_an_error_at_once(tmp_path: Path) -> None:
    config = "accounts { A: { users: [{user: me, password: right}] } }"
    async with NatsServer(tmp_path / "nats", config=config) as server:
        error = await refused(server.url.replace("//", "//me:right@"))
        assert isinstance(error, ConfigError)
        assert "offers no JetStream to this account" in str(error)


async def test_no_server_is_one_short_error(caplog: pytest.LogCaptureFixture) -> None:
    error = await refused("nats://127.0.0.1:1", connect_timeout_s=0.3)
    assert isinstance(error, ConnectionLostError)
    assert "Connect call failed" in str(error)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_without_retries_each_server_is_tried_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dms_events")
    away = "nats://127.0.0.1:1,nats://localhost:2,nats://no-such-host.invalid:4222"
    options = {"connect_timeout_s": 60, "retry_on_failed_connect": False}
    error = await refused(away, within_s=30, **options)
    assert isinstance(error, ConnectionLostError)
    assert len([r for r in caplog.records if r.message.startswith("NATS: ")]) == 3
    async with (
        NatsServer() as server,
        dms_events.connect(f"{away},{server.url}", **options) as bus,  # type: ignore[arg-type]
    ):
        assert await bus.publish(call(1)), "one of the servers is there"


async def test_a_server_that_says_nothing_is_one_short_error() -> None:
    async with pretending() as url:
        error = await refused(url, connect_timeout_s=0.3)
    assert "no answer within 0.3 s" in str(error)


async def test_a_certificate_of_an_unknown_ca_is_an_error_at_once(tmp_path: Path) -> None:
    cert, key = await self_signed(tmp_path)
    config = f'tls {{ cert_file: "{cert}", key_file: "{key}" }}'
    async with NatsServer(tmp_path / "nats", config=config) as server:
        error = await refused(server.url)
        assert isinstance(error, ConfigError)
        assert "tls: the certificate of" in str(error)
        assert "self-signed certificate" in str(error)
        known = ssl.create_default_context(cafile=str(cert))
        async with dms_events.connect(server.url, tls=known) as bus:
            assert await bus.publish(call(1))
            assert bus._transport.client._tcp.waiting() >= 0  # type: ignore[attr-defined]
