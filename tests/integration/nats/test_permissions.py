"""What an account may not do is told at once, in the server's words; nobody forges into its own inbox."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

import dms_events
from dms_events import ConfigError, PublishError, TransportError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.kit.paths import HOME
from tests.kit.programs.processes import until
from tests.kit.servers.operator import at
from tests.kit.storing import call, ids_of, prepared

MORE = """
    {user: all, password: all}
    {user: dashboard, password: dashboard, permissions: {
      publish: ["dms.events.*.*.dashboard", "_DASHBOARD.>"]
      subscribe: ["_INBOX.>", "dms.events.>"]
    }}
    {user: noack, password: noack, permissions: {
      publish: ["$JS.API.>"], subscribe: ["_INBOX.>"]
    }}
    {user: deaf, password: deaf, permissions: {publish: [">"], subscribe: ["nothing"]}}
    {user: blind, password: blind, permissions: {
      publish: ["dms.events.>"], subscribe: ["_INBOX.>"]
    }}
  ]
}
"""


def config() -> str:
    """The accounts of the documentation, ``node`` and ``billing``, and some more."""
    text = (HOME / "docs" / "nats.md").read_text().partition("## Requests")[0]
    [documented] = re.findall(r"```\n(authorization .*?)  \]\n\}\n```", text, re.DOTALL)
    for user in ("node", "billing"):
        documented = documented.replace("password: …", f"password: {user}", 1)
    assert "…" not in documented
    return str(documented) + MORE


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats", config=config()) as server:
        async with dms_events.connect(as_user(server, "all")):
            pass  # makes the streams
        yield server


def as_user(server: NatsServer, name: str) -> str:
    return server.url.replace("nats://", f"nats://{name}:{name}@")


async def test_a_publish_that_is_not_permitted_is_an_error_at_once(server: NatsServer) -> None:
    async with (
        dms_events.connect(
            as_user(server, "node"), make_streams=False, inbox_prefix="_INBOX_node"
        ) as bus,
        asyncio.timeout(5),  # and not after the time to publish
    ):
        with pytest.raises(PublishError) as refused:
            await bus.publish(bus.prepare(call(1), source="Other"))
        assert (
            'Permissions Violation for Publish to "dms.events.elk_stats.ServiceCall.Other"'
            in str(refused.value)
        )
        await bus.publish(bus.prepare(call(2), source="node"))


@pytest.mark.parametrize("count", [10, 2_000])
async def test_only_what_is_not_permitted_is_refused_of_many(
    server: NatsServer, count: int
) -> None:
    async with (
        dms_events.connect(
            as_user(server, "node"), make_streams=False, inbox_prefix="_INBOX_node"
        ) as bus,
        asyncio.timeout(10),
    ):
        events = [bus.prepare(call(number), source="node") for number in range(count)]
        events[-3] = bus.prepare(call(1), source="other")
        with pytest.raises(PublishError, match="Permissions Violation") as refused:
            await bus.publish_many(events)
        assert ids_of(refused.value.unacknowledged)[:1] == [events[-3].id]
        assert refused.value.refused_for_good == [events[-3]]
        rest = [event for event in refused.value.unacknowledged if event.source == "node"]
        await bus.publish_many(rest)
    async with at(as_user(server, "all")) as operator:
        assert sum((await operator.subjects()).values()) == count - 1


async def test_of_many_tasks_only_the_one_whose_event_is_not_permitted_fails(
    server: NatsServer,
) -> None:
    async with (
        dms_events.connect(
            as_user(server, "node"), make_streams=False, inbox_prefix="_INBOX_node"
        ) as bus,
        asyncio.timeout(10),
    ):
        events = [bus.prepare(call(number), source="node") for number in range(300)]
        events[-3] = bus.prepare(call(1), source="other")
        ends = await asyncio.gather(
            *(bus.publish(event) for event in events), return_exceptions=True
        )
        [refused] = [end for end in ends if not isinstance(end, str)]
        assert isinstance(refused, PublishError)
        assert "Permissions Violation" in str(refused)
        assert refused.refused_for_good == refused.unacknowledged == [events[-3]]
    async with at(as_user(server, "all")) as operator:
        assert sum((await operator.subjects()).values()) == 299


async def test_on_core_the_next_publish_on_a_subject_that_is_not_permitted_is_an_error(
    server: NatsServer,
) -> None:
    async with dms_events.connect(as_user(server, "dashboard"), durable=False) as bus:
        forbidden, allowed = (
            bus.prepare(call(1), source=source) for source in ("node", "dashboard")
        )

        async def publish() -> None:
            async with asyncio.timeout(5):
                while True:
                    await bus.publish(forbidden)
                    await asyncio.sleep(0)

        with pytest.raises(PublishError, match="Permissions Violation for Publish") as refused:
            await publish()
        assert refused.value.refused_for_good == [forbidden]
        await bus.publish(allowed)


async def test_a_subscription_that_is_not_permitted_is_an_error(server: NatsServer) -> None:
    async with dms_events.connect(as_user(server, "blind"), durable=False) as bus:
        with pytest.raises(TransportError, match=r'Subscription to "dms\.events\.'):
            async with asyncio.timeout(5), bus.subscribe(ServiceCall):
                pass


@pytest.mark.parametrize("make_streams", [True, False])
async def test_an_inbox_that_is_not_permitted_is_an_error_when_the_bus_opens(
    server: NatsServer, make_streams: bool
) -> None:
    bus = dms_events.connect(as_user(server, "deaf"), make_streams=make_streams)
    with pytest.raises((ConfigError, TransportError), match=r'"_INBOX\.>".*inbox_prefix'):
        async with asyncio.timeout(4):
            await bus.open()


async def test_streams_that_may_not_be_made_are_an_error_at_once(server: NatsServer) -> None:
    bus = dms_events.connect(as_user(server, "blind"))
    with pytest.raises(ConfigError, match=r"Permissions Violation.*make_streams=False"):
        async with asyncio.timeout(4):
            await bus.open()


async def test_a_durable_that_may_not_be_made_is_an_error_at_once(server: NatsServer) -> None:
    async with dms_events.connect(as_user(server, "blind"), make_streams=False) as bus:
        with pytest.raises(TransportError, match="Permissions Violation"):
            async with asyncio.timeout(4), bus.subscribe(ServiceCall, durable="d"):
                pass


async def test_acknowledgements_that_are_not_permitted_are_warned_of(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    async with dms_events.connect(as_user(server, "all")) as bus:
        await bus.publish_many(prepared(bus, 20))
    async with (
        dms_events.connect(as_user(server, "noack"), make_streams=False) as bus,
        bus.subscribe(ServiceCall, durable="d") as messages,
    ):
        async for message in messages:
            await message.ack()
            if "takes no acknowledgement" in caplog.text:
                break
            await asyncio.sleep(0.01)  # for what the server says of it
    warnings = [r for r in caplog.records if "takes no acknowledgement" in r.getMessage()]
    assert len(warnings) == 1, "not for each message"
    assert 'Permit the account to publish to "$JS.ACK.>"' in warnings[0].getMessage()


async def test_an_inbox_of_its_own_takes_no_forged_acknowledgement(server: NatsServer) -> None:
    denied: list[str] = []

    async def note(error: Exception) -> None:
        denied.append(str(error))

    forger = await nats.connect(as_user(server, "dashboard"), error_cb=note)

    async def forge(message: Msg) -> None:
        await message.respond(b'{"stream":"DMS_EVENTS", "seq":1}')

    await forger.subscribe("dms.events.>", cb=forge)
    await forger.subscribe("_INBOX_node.>", cb=forge)
    await forger.flush()
    async with at(as_user(server, "all")) as operator:
        await operator.api("STREAM.DELETE.DMS_EVENTS")
    async with dms_events.connect(
        as_user(server, "node"),
        make_streams=False,
        inbox_prefix="_INBOX_node",
        publish_timeout_s=1,
    ) as bus:
        with pytest.raises(PublishError):
            await bus.publish(bus.prepare(call(1), source="node"))
        assert bus.publish_counts.ignored_replies == 0
    await until(lambda: len(denied) >= 2, "the server denies both")
    await forger.close()
    assert any("subscription to" in text for text in denied)
    assert any("publish to" in text for text in denied)


async def test_a_worker_reads_with_an_inbox_of_its_own(server: NatsServer) -> None:
    async with dms_events.connect(as_user(server, "all")) as bus:
        await bus.publish_many(prepared(bus, 100))
    handled: list[float] = []
    worker = dms_events.Worker("billing")

    @worker.on(ServiceCall, attempts=1)
    async def handle(event: ServiceCall) -> None:
        if event.call_id == 7:
            raise ValueError("given up")
        handled.append(event.call_id)

    async with (
        dms_events.connect(
            as_user(server, "billing"), make_streams=False, inbox_prefix="_INBOX_billing"
        ) as bus,
        asyncio.timeout(15),
    ):
        worker.drain()
        await worker.run(bus)
        assert len(handled) == 99
        assert [letter.reason async for letter in bus.dead_letters.find()] != []


@pytest.mark.parametrize("prefix", ["", "_INBOX.>", "a b", "a..b", "*", "x" * 201])
async def test_an_inbox_prefix_that_is_no_subject_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="inbox_prefix"):
        dms_events.connect("nats://127.0.0.1:1", inbox_prefix=prefix)
