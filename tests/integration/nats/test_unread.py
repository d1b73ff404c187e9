"""Messages that nobody reads hold on to nothing, although the garbage collector does not look at them."""

from __future__ import annotations

import gc
import weakref

import pytest

import dms_events
from dms_events.types.elk_stats import DeviceStatusChange
from dms_events_nats import NatsServer


@pytest.mark.parametrize("durable", [True, False])
async def test_a_closed_subscription_is_collected_with_what_it_did_not_hand_out(
    durable: bool,
) -> None:
    async with NatsServer() as server:
        async with dms_events.connect(server.url, durable=durable) as bus:
            name = "reader" if durable else None
            async with bus.subscribe(DeviceStatusChange, durable=name) as messages:
                change = DeviceStatusChange(peer_id="peer", status="online", timestamp=1.0)
                await bus.publish_many([change] * 10)
                taken = await anext(messages)
                inbox = weakref.ref(messages._receiver)
        del bus, messages
        gc.collect()
        assert taken.event == change
        del taken
        gc.collect()
        assert inbox() is None
