"""Streams and durables that lose or mutilate messages are refused when they are opened, with the cure."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

import dms_events
from dms_events import ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.kit.servers.operator import Operator
from tests.kit.storing import call

FILTER = "dms.events.elk_stats.ServiceCall.>"
NODE = """
accounts { NODES {
    jetstream: enabled
    users [
      { user: operator, password: secret }
      { user: node, password: secret, permissions {
          publish: ["dms.events.>"], subscribe: ["_INBOX.>"] } }
    ]
} }
"""
LOSING = [
    ({"retention": "interest"}, "nats stream edit DMS_EVENTS --retention limits"),
    ({"retention": "workqueue"}, "use another root"),
    ({"no_ack": True}, "nats stream edit DMS_EVENTS --ack"),
]


async def make_stream(operator: Operator, **settings: Any) -> None:
    config = {"name": "DMS_EVENTS", "subjects": ["dms.events.>"], "storage": "file", **settings}
    await operator.api("STREAM.CREATE.DMS_EVENTS", config)


@pytest.mark.parametrize("settings", [setting for setting, _ in LOSING], ids=lambda s: str(*s))
@pytest.mark.parametrize("make_streams", [True, False])
async def test_a_stream_that_loses_events_is_refused_when_a_bus_opens(
    nats_server: NatsServer, operator: Operator, settings: dict[str, Any], make_streams: bool
) -> None:
    await make_stream(operator, **settings)
    [cure] = [cure for losing, cure in LOSING if losing == settings]
    with pytest.raises(ConfigError, match=cure) as caught:
        await dms_events.connect(nats_server.url, make_streams=make_streams).open()
    assert caught.value.setting == "stream DMS_EVENTS"


async def test_a_stream_that_was_made_to_lose_events_is_refused_when_a_reader_opens(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await operator.change_stream(retention="interest")
        for durable in ("billing", None):
            with pytest.raises(ConfigError, match="retention 'interest'"):
                await bus.subscribe(ServiceCall, durable=durable).__aenter__()


async def test_an_account_that_may_only_publish_is_not_held_up_by_what_it_may_not_ask(
    tmp_path: Path,
) -> None:
    async with NatsServer(tmp_path / "nats", config=NODE) as server:
        operator_url, node_url = (
            server.url.replace("//", f"//{user}:secret@") for user in ("operator", "node")
        )
        async with dms_events.connect(operator_url):
            since = time.monotonic()
            async with dms_events.connect(node_url, make_streams=False) as bus:
                await bus.publish(call(1))
            assert time.monotonic() - since < 4, "it does not wait for an answer that cannot come"


@pytest.mark.parametrize(
    "setting", [{"headers_only": True}, {"max_deliver": 3}, {"ack_policy": "none"}], ids=str
)
async def test_a_durable_that_mutilates_or_loses_messages_is_refused(
    nats_server: NatsServer, operator: Operator, setting: dict[str, Any]
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await operator.make_consumer("billing", filter_subjects=[FILTER], **setting)
        await bus.publish(call(1))
        with pytest.raises(ConfigError, match=next(iter(setting))) as caught:
            await bus.subscribe(ServiceCall, durable="billing").__aenter__()
        assert "another durable name" in str(caught.value)
        assert [letter async for letter in bus.dead_letters.find()] == []


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ({"discard": "old", "max_msgs": 10}, "--discard new"),
        ({"max_msgs_per_subject": 5}, "--max-msgs-per-subject=-1"),
        ({"allow_rollup_hdrs": True}, "--no-allow-rollup"),
        ({"persist_mode": "async"}, "persist_mode"),
    ],
    ids=["discard old", "few per subject", "rollup", "async"],
)
async def test_a_stream_that_drops_what_nobody_has_read_is_said(
    nats_server: NatsServer,
    operator: Operator,
    caplog: pytest.LogCaptureFixture,
    stream: dict[str, Any],
    said: str,
) -> None:
    await make_stream(operator, **{"discard": "new", **stream})
    with caplog.at_level(logging.WARNING):
        async with dms_events.connect(nats_server.url):
            pass
    assert said in caplog.text


@pytest.mark.parametrize(
    "setting",
    [{"inactive_threshold": 10**12}, {"mem_storage": True}, {"max_ack_pending": 5}],
    ids=lambda s: str(*s),
)
async def test_a_durable_that_may_lose_its_place_or_stand_still_is_said(
    nats_server: NatsServer,
    operator: Operator,
    caplog: pytest.LogCaptureFixture,
    setting: dict[str, Any],
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await operator.make_consumer("billing", filter_subjects=[FILTER], **setting)
        with caplog.at_level(logging.WARNING):
            async with bus.subscribe(ServiceCall, durable="billing"):
                pass
    assert next(iter(setting)) in caplog.text
