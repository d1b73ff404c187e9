"""What the server answers to a publisher for a while only, and what it answers for ever."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from nats.aio.msg import Msg

import dms_events
from dms_events import PublishError
from dms_events_nats import NatsServer
from tests.kit.servers.operator import Operator
from tests.kit.storing import ids_of, prepared

IN_PROCESS = 10158, "duplicate message id is in process"
TOO_MANY = 10167, "too many requests"


class Stand:
    """Stands where a stream would, since no healthy server answers so: with an error to the first
    ``times`` copies of every other message.
    """

    def __init__(self, error: tuple[int, str], times: int) -> None:
        code, description = error
        refusal = {"error": {"code": 409, "err_code": code, "description": description}}
        self._error = json.dumps(refusal | {"stream": "DMS_EVENTS", "seq": 0}).encode()
        self._times = times
        self.arrived: dict[str, list[float]] = {}

    async def answer(self, message: Msg) -> None:
        copies = self.arrived.setdefault((message.headers or {})["Nats-Msg-Id"], [])
        copies.append(time.monotonic())
        refused = list(self.arrived.values()).index(copies) % 2 == 0
        early = refused and len(copies) <= self._times
        await message.respond(self._error if early else b'{"stream":"DMS_EVENTS", "seq":1}')


@pytest.mark.parametrize("error", [IN_PROCESS, TOO_MANY])
async def test_what_the_server_cannot_acknowledge_yet_is_sent_again_after_a_while(
    nats_server: NatsServer, operator: Operator, error: tuple[int, str]
) -> None:
    stand = Stand(error, times=1)
    await operator.client.subscribe("dms.events.>", cb=stand.answer)
    async with (
        dms_events.connect(nats_server.url, make_streams=False) as bus,
        asyncio.timeout(4),  # sooner than after silence
    ):
        published = prepared(bus, 3)
        assert await bus.publish_many(published) == 3
    assert sorted(stand.arrived) == ids_of(published)
    [first, second, third] = stand.arrived.values()
    assert (len(first), len(second), len(third)) == (2, 1, 2)
    assert first[1] - first[0] > 0.9


@pytest.mark.parametrize("error", [IN_PROCESS, TOO_MANY])
async def test_what_the_server_never_acknowledges_is_an_error_after_the_time_to_publish(
    nats_server: NatsServer, operator: Operator, error: tuple[int, str]
) -> None:
    stand = Stand(error, times=1_000)
    await operator.client.subscribe("dms.events.>", cb=stand.answer)
    async with (
        dms_events.connect(nats_server.url, make_streams=False, publish_timeout_s=2.5) as bus,
        asyncio.timeout(8),
    ):
        published = prepared(bus, 2)
        with pytest.raises(PublishError, match=rf"within 2\.5 s.*{error[1]}") as refused:
            await bus.publish_many(published)
    assert ids_of(refused.value.unacknowledged) == ids_of(published[:1])
    [copies, _] = stand.arrived.values()
    assert 2 <= len(copies) <= 5, "not in a hot loop"
