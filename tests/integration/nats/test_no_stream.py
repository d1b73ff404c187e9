"""Events that no stream stores: an error soon where the server says so, else patience."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from nats.aio.msg import Msg

import dms_events
from dms_events import Bus, PublishError
from dms_events_nats import NatsServer, NatsSetup, apply_setup
from tests.kit.programs.processes import until
from tests.kit.servers.operator import Operator, at
from tests.kit.storing import call, ids_of, prepared

MAY_ONLY_PUBLISH = """
authorization {
  users: [
    {user: all, password: all}
    {user: peer, password: peer, permissions: {publish: ["dms.events.>"], subscribe: ["_INBOX.>"]}}
  ]
}
"""


async def refused(bus: Bus, count: int) -> PublishError:
    """What publishing so many ends with, which does not take long."""
    published = prepared(bus, count)
    with pytest.raises(PublishError, match=r"no stream stores .*dms-events nats setup") as error:
        async with asyncio.timeout(5):
            await bus.publish_many(published)
    assert ids_of(error.value.unacknowledged) == ids_of(published)
    return error.value


async def test_publishing_where_no_stream_was_made_is_an_error_and_can_be_done_again(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with dms_events.connect(nats_server.url, make_streams=False, root="north") as bus:
        error = await refused(bus, 3)
        await apply_setup(nats_server.url, NatsSetup(root="north"))
        assert await bus.publish_many(error.unacknowledged) == 3
    assert sum((await operator.subjects("NORTH_EVENTS")).values()) == 3


@pytest.mark.parametrize("count", [1, 1_000])
async def test_publishing_where_the_stream_was_deleted_is_an_error(
    nats_server: NatsServer, operator: Operator, count: int
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(call(1))
        await operator.api("STREAM.DELETE.DMS_EVENTS")
        error = await refused(bus, count)
        assert "dms.events.elk_stats.ServiceCall._" in str(error)


async def test_a_stream_that_is_made_a_moment_later_stores_what_waited_once(
    nats_server: NatsServer, operator: Operator
) -> None:
    async def make(message: Msg) -> None:
        # The first question, about all subjects, is that of the connection.
        if json.loads(message.data) == {"subject": "dms.events.elk_stats.ServiceCall._"}:
            await apply_setup(nats_server.url, NatsSetup())

    await operator.client.subscribe("$JS.API.STREAM.NAMES", cb=make)
    async with (
        dms_events.connect(nats_server.url, make_streams=False) as bus,
        asyncio.timeout(5),
    ):
        await bus.publish(call(1))
    assert sum((await operator.subjects()).values()) == 1


async def test_an_account_that_may_not_ask_waits_for_the_stream(tmp_path: Path) -> None:
    async with NatsServer(tmp_path / "nats", config=MAY_ONLY_PUBLISH) as server:
        every, peer = (server.url.replace("://", f"://{name}:{name}@") for name in ("all", "peer"))
        async with dms_events.connect(peer, make_streams=False) as bus, asyncio.timeout(10):
            began_s = time.monotonic()
            publishing = asyncio.create_task(bus.publish(call(1)))
            await until(
                lambda: publishing.done() or time.monotonic() - began_s > 4,
                "who may ask would know",
            )
            await apply_setup(every, NatsSetup())
            await publishing
        async with at(every) as operator:
            assert sum((await operator.subjects()).values()) == 1
