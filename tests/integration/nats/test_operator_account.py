"""What the account of an operator who looks after dead letters has to be allowed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest_asyncio

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.command import answer, dms
from tests.kit.storing import call

LOOKING = (
    "$JS.API.STREAM.INFO.DMS_EVENTS",
    "$JS.API.STREAM.INFO.DMS_DEAD",
    "$JS.API.CONSUMER.CREATE.DMS_DEAD",
    "$JS.API.CONSUMER.INFO.DMS_DEAD.*",
    "$JS.API.CONSUMER.MSG.NEXT.DMS_DEAD.*",
    "$JS.API.CONSUMER.DELETE.DMS_DEAD.*",
    "$JS.ACK.DMS_DEAD.>",
)
DROPPING = "$JS.API.STREAM.MSG.DELETE.DMS_DEAD"
REPLAYING = ("dms.events.>", "$JS.API.CONSUMER.INFO.DMS_EVENTS.*")
TO_ALL = "$JS.API.CONSUMER.LIST.DMS_EVENTS"
FETCHING = "$JS.API.STREAM.MSG.GET.DMS_EVENTS"


def user(name: str, *allowed: str) -> str:
    listed = ", ".join(f'"{subject}"' for subject in allowed)
    publish = f'permissions: {{publish: [{listed}], subscribe: ["_INBOX.>"]}}' if allowed else ""
    return f"{{user: {name}, password: {name}, {publish}}}"


CONFIG = f"""
max_payload: 65536
authorization {{
  users: [
    {user("all")}
    {user("operator", *LOOKING, *REPLAYING, DROPPING, TO_ALL, FETCHING)}
    {user("halfway", *LOOKING, *REPLAYING)}
  ]
}}
"""


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats", config=CONFIG) as server:
        yield server


def as_user(server: NatsServer, name: str) -> str:
    return server.url.replace("nats://", f"nats://{name}:{name}@")


async def give_up(server: NatsServer, *padding: str) -> None:
    """An event for each, given up by a reader."""
    async with dms_events.connect(as_user(server, "all")) as bus:
        events = [msgspec.structs.replace(call(n), status=s) for n, s in enumerate(padding)]
        await bus.publish_many(events)
        async with bus.subscribe("*", durable="billing") as messages:
            for _ in events:
                message = await anext(messages)
                error = ValueError("the handler is broken")
                await bus.dead_letters.add(
                    message.delivery, id=message.id, error=error, reader="billing"
                )


async def events_in(server: NatsServer) -> int:
    async with (
        dms_events.connect(as_user(server, "all")) as bus,
        bus.subscribe("*", start="all") as messages,
    ):
        return await messages.backlog()


async def test_these_permissions_are_enough_to_list_replay_and_drop(server: NatsServer) -> None:
    await give_up(server, "short", "p" * 48_500)
    url = ("--url", as_user(server, "operator"))
    lines = (await answer("dead", "list", "--json", *url)).splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2]
    assert json.loads(lines[1])["payload_bytes"] > 64_900, "so long that it is fetched"
    assert await answer("dead", "replay", "--all", "--keep", *url) == "replayed 2 dead letters\n"
    said = await answer("dead", "replay", "1", "--keep", "--to-all", *url)
    assert said.startswith("replayed 1 dead letter to all readers: billing, ")
    assert await answer("dead", "drop", "--all", "--yes", *url) == "dropped 2 dead letters\n"
    assert await events_in(server) == 5


async def test_who_may_not_drop_is_told_that_it_was_replayed(server: NatsServer) -> None:
    await give_up(server, "short")
    url = ("--url", as_user(server, "halfway"))
    done = await dms("dead", "replay", "--all", *url)
    assert (done.code, done.out) == (1, "")
    assert "dead letter 1 was replayed, but is still there: delete message 1" in done.err
    assert await events_in(server) == 2
    denied = await dms("dead", "replay", "--all", "--to-all", *url)
    assert "takes the permission for $JS.API.CONSUMER.LIST.DMS_EVENTS" in denied.err
    await dms("dead", "replay", "--all", *url)
    assert await events_in(server) == 2, "within the duplicate window it is published once"
