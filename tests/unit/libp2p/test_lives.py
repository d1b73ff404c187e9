"""A node whose trio side fails begins again: its key, address, topics and subscriptions are the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events.types.elk_stats import ServiceCall
from dms_events_libp2p.node.lives import lives
from tests.contract.places import call, collect
from tests.kit.libp2p.buses import connect, eventually, hears


async def test_a_node_that_fails_begins_again_and_its_subscriptions_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def deploy(request: DeploymentRequest) -> DeploymentResponse:
        return DeploymentResponse(success=True)

    async with (
        connect() as victim,
        connect(victim) as friend,
        victim.subscribe(ServiceCall) as near,
        friend.subscribe(ServiceCall) as far,
        victim.respond(DeploymentRequest, deploy),
    ):
        await hears(friend, victim)
        before = victim.transport.addresses
        first = victim.transport._node.pubsub

        async def fails() -> None:
            raise RuntimeError("the node fails")

        victim.transport._node.trimming._trim = fails
        await eventually(lambda: victim.transport._node.pubsub is not first)
        await eventually(lambda: victim.transport.peers)
        await hears(friend, victim)
        await hears(victim, friend)
        await friend.publish(call(7))
        assert [m.event.call_id for m in await collect(near, 1)] == [7.0]
        await victim.publish(call(8))
        [arrived] = await collect(far, 1)
        assert (arrived.event.call_id, arrived.source) == (8.0, victim.transport.peer_id)
        assert victim.transport.addresses == before
        asked = friend.request(DeploymentRequest(), DeploymentResponse, to=victim.transport.peer_id)
        assert (await asked).success
    assert "the libp2p node failed, and is started again" in caplog.text


def test_a_first_life_that_cannot_be_entered_is_an_error() -> None:
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        raise ValueError("no life")
        yield

    async def main() -> None:
        async with lives(life):
            pytest.fail("it was entered")

    with pytest.RaisesGroup(ValueError, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main)


def test_a_life_that_fails_while_it_is_closed_is_an_error() -> None:
    begun = 0

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        nonlocal begun
        begun += 1
        try:
            yield
        finally:
            raise ValueError("no end")

    async def main() -> None:
        async with lives(life):
            pass

    with pytest.RaisesGroup(ValueError, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main)
    assert begun == 1


def test_each_life_follows_the_one_that_failed_until_the_end() -> None:
    begun: list[float] = []

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        begun.append(trio.current_time())
        if len(begun) == 2:
            raise ValueError("cannot begin")
        async with trio.open_nursery() as tasks:
            tasks.start_soon(fail)
            yield

    async def fail() -> None:
        await trio.sleep(10)
        raise ValueError("fails later")

    async def main() -> None:
        async with lives(life):
            await trio.sleep(25)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert [round(at - begun[0]) for at in begun] == [0, 11, 12, 23]
