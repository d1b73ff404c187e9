"""What our transports promise, and what a transport may lack."""

from __future__ import annotations

from typing import TypeVar

import pytest

from dms_events import (
    Bus,
    ConfigError,
)
from dms_events.testing.transport_contract.answers import deploy
from dms_events.transport import MemoryTransport
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import (
    PROMISES,
    Place,
)

T = TypeVar("T")


def test_each_transport_promises_what_the_design_says(place: Place) -> None:
    assert place.connect().guarantees == PROMISES[place.kind]


@pytest.mark.only("memory", "nats", "nats-core")
async def test_a_broker_tells_of_no_peers(place: Place, bus: Bus) -> None:
    async with place.connect(), bus.subscribe(ServiceCall):
        assert bus.peers == ()


@pytest.mark.only("memory")
async def test_a_transport_may_have_no_requests(place: Place) -> None:
    class Plain(MemoryTransport):
        def capability(self, kind: type[T]) -> T | None:
            return None

    async with Bus(Plain(place.url)) as bus:
        with pytest.raises(ConfigError, match="Plain has no requests and replies"):
            await bus.request(DeploymentRequest(), DeploymentResponse)
        with pytest.raises(ConfigError, match="Plain has no requests and replies"):
            async with bus.respond(DeploymentRequest, deploy):
                pass
