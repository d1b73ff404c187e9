"""What a server refuses is an error with the setting that it is about."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import nats.errors
import pytest

import dms_events
from dms_events import ConfigError
from dms_events_nats import (
    EventsSetup,
    NatsServer,
    NatsSetup,
    StreamSetup,
    apply_setup,
    check_setup,
)
from tests.kit.servers.operator import at
from tests.kit.storing import call

ACCOUNTS = """
accounts {
  NODES {
    jetstream { max_file: 5000000 }
    users [
      { user: operator, password: secret }
      { user: node, password: secret, permissions {
          publish: ["dms.events.>"], subscribe: ["_INBOX.>"] } }
    ]
  }
  PLAIN { users [ { user: plain, password: secret } ] }
}
"""


def url_of(server: NatsServer, user: str) -> str:
    return server.url.replace("//", f"//{user}:secret@")


def copies(count: int) -> NatsSetup:
    return NatsSetup(events=EventsSetup(replicas=count), dead=StreamSetup(replicas=count))


async def test_replicas_without_a_cluster_are_refused_by_name(nats_server: NatsServer) -> None:
    for _ in range(2):
        with pytest.raises(ConfigError, match="non-clustered mode") as caught:
            await apply_setup(nats_server.url, copies(3))
        assert caught.value.setting == "events.replicas"
        await apply_setup(nats_server.url, NatsSetup())
    with pytest.raises(ConfigError, match="non-clustered mode") as caught:
        await dms_events.connect(nats_server.url, root="other", replicas=3).open()
    assert caught.value.setting == "events.replicas"


async def test_an_update_that_the_server_refuses_names_what_was_asked(
    nats_server: NatsServer,
) -> None:
    await apply_setup(nats_server.url, NatsSetup())
    with pytest.raises(ConfigError, match="duplicates window can not be larger") as caught:
        await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(max_age_s=60)))
    assert caught.value.setting == "events.max_age_s"
    short = NatsSetup(events=EventsSetup(max_age_s=60, duplicate_window_s=60))
    assert [d.applied for d in await apply_setup(nats_server.url, short)] == [True, True]


async def test_a_short_age_needs_no_word_about_the_window_of_a_new_stream(
    nats_server: NatsServer,
) -> None:
    await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(max_age_s=60)))
    async with at(nats_server.url) as operator:
        assert (await operator.stream())["duplicate_window"] == 60 * 10**9


async def test_a_stream_of_another_name_over_the_same_subjects_is_named(
    nats_server: NatsServer,
) -> None:
    async with at(nats_server.url) as operator:
        await operator.api("STREAM.CREATE.MINE", {"name": "MINE", "subjects": ["dms.>"]})
    with pytest.raises(ConfigError, match="subjects overlap with an existing stream") as caught:
        await apply_setup(nats_server.url, NatsSetup())
    assert "stream DMS_EVENTS" in str(caught.value)


async def test_accounts_that_may_not_say_why(tmp_path: Path) -> None:
    async with NatsServer(tmp_path / "nats", config=ACCOUNTS) as server:
        big = NatsSetup(events=EventsSetup(max_bytes=50_000_000))
        for _ in range(2):
            with pytest.raises(ConfigError, match="insufficient storage") as caught:
                await apply_setup(url_of(server, "operator"), big)
            assert caught.value.setting == "events.max_bytes"
            await apply_setup(url_of(server, "operator"), NatsSetup())
        users = ("node", "node", "plain", "plain")
        node, node_applying, plain, plain_applying = await asyncio.gather(
            *(
                ask(url_of(server, user), NatsSetup())
                for user, ask in zip(users, (check_setup, apply_setup) * 2, strict=True)
            ),
            return_exceptions=True,
        )
    for error in (node, node_applying):
        assert isinstance(error, ConfigError)
        assert "Permissions Violation" in str(error)
        assert "STREAM.INFO.DMS_EVENTS" in str(error)
    for error in (plain, plain_applying):
        assert isinstance(error, ConfigError)
        assert "offers no JetStream" in str(error)
        assert "secret" not in str(error)


async def test_in_a_cluster_replicas_are_made_and_added(tmp_path: Path) -> None:
    async with cluster(tmp_path, 3) as url:
        one = NatsSetup(events=EventsSetup(replicas=1), dead=StreamSetup(replicas=3))
        await apply_setup(url, one)
        found = await apply_setup(url, copies(3))
        assert [(d.place, d.setting, d.actual, d.applied) for d in found] == [
            ("stream DMS_EVENTS", "replicas", "1", True)
        ]
        assert await check_setup(url, copies(3)) == []
        async with dms_events.connect(url) as bus:
            await bus.publish(call(1))


@asynccontextmanager
async def cluster(store: Path, size: int) -> AsyncIterator[str]:
    """A cluster that has a leader; yields the URL of one of its servers."""
    ports = free_ports(size)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    async with AsyncExitStack() as stack:
        for number, port in enumerate(ports):
            config = f"server_name: n{number}\n" + (
                f"cluster {{ name: c, listen: 127.0.0.1:{port}, routes: [{routes}] }}"
            )
            server = NatsServer(store / str(number), config=config)
            await stack.enter_async_context(server)
        async with at(server.url) as operator:

            async def has_leader() -> bool:
                try:
                    return bool(await operator.api("STREAM.NAMES", timeout=0.2))
                except (AssertionError, nats.errors.TimeoutError, nats.errors.NoRespondersError):
                    return False

            async with asyncio.timeout(30):
                while not await has_leader():
                    pass
        yield server.url


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
