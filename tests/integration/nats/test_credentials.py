"""A credentials file that expires, is renewed, or cannot be read."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

import dms_events
from dms_events import ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.kit.programs.processes import until
from tests.kit.servers.decentral import Authority
from tests.kit.storing import call

LIVES_S = 3


async def test_a_bus_whose_credentials_expire_goes_on_with_the_renewed_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Between the two the file is away, empty, and cut off, as somebody writes it who does not rename."""
    authority, path = Authority(), tmp_path / "user.creds"
    path.write_text(authority.credentials(LIVES_S))
    async with (
        asyncio.timeout(20),
        NatsServer(config=authority.config) as server,
        dms_events.connect(server.url, credentials=path) as bus,
        bus.subscribe(ServiceCall, durable="billing") as messages,
    ):
        assert await bus.publish(call(1))
        await (await anext(messages)).ack()
        whole = authority.credentials()
        for state in (
            None,
            "",
            whole[:60],
            whole.replace("USER NKEY SEED-----\nSU", "USER NKEY SEED-----\nXX"),
        ):
            path.unlink(missing_ok=True)
            if state is not None:
                path.write_text(state)
            await until(
                lambda: "User Authentication Expired" in caplog.text, "the end", LIVES_S + 5
            )
            await asyncio.sleep(0.3)  # an attempt with this state of the file
        path.write_text(whole)
        assert await bus.publish(call(2))
        assert (await anext(messages)).event == call(2)
    assert "no connection to" in caplog.text


async def test_credentials_that_are_refused_are_an_error_at_once(tmp_path: Path) -> None:
    path = tmp_path / "user.creds"
    path.write_text(Authority().credentials())
    async with NatsServer(config=Authority().config) as server:
        since = time.monotonic()
        with pytest.raises(ConfigError, match=r"credentials: .* 'Authorization Violation'"):
            await dms_events.connect(server.url, credentials=path).open()
        assert time.monotonic() - since < 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("", "not hold a user's seed"),
        ("-----BEGIN NATS USER JWT-----", "not hold a user's seed"),
        (
            "-----BEGIN USER NKEY SEED-----\nSUNONE\n------END USER NKEY SEED------",
            "not a NATS key",
        ),
    ],
)
async def test_a_file_that_holds_no_credentials_is_an_error_at_once(
    nats_server: NatsServer, tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "user.creds"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        await dms_events.connect(nats_server.url, credentials=path).open()


async def test_a_server_that_asks_for_no_credentials_takes_a_client_that_has_some(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    path = tmp_path / "user.creds"
    path.write_text(Authority().credentials())
    async with dms_events.connect(nats_server.url, credentials=path) as bus:
        assert await bus.publish(call(1))
