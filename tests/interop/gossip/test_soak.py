"""Many messages each way with a Go peer, and the node needs no more than before."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]
import pytest

from dms_events import Bus, Subscription
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import collect, event_calls, until
from tests.kit.go.libp2p import GoNode
from tests.kit.libp2p.buses import connect
from tests.kit.libp2p.go_peers import met
from tests.kit.soak import sized, soak_rounds

_MOST_GROWTH = 16 << 20


class _Needs(NamedTuple):
    """What this process has now."""

    rss: int
    threads: int
    descriptors: int
    tasks: int

    @classmethod
    def now(cls) -> _Needs:
        gc.collect()
        process = psutil.Process()
        tasks = len(asyncio.all_tasks())
        return cls(process.memory_info().rss, process.num_threads(), process.num_fds(), tasks)


async def _both_ways(
    node: GoNode, bus: Bus, messages: Subscription[ServiceCall], count: int
) -> None:
    heard = await node.heard()
    node.publish(count)
    publishing = asyncio.create_task(bus.publish_many(event_calls(count)))
    await collect(messages, count, within_s=60 + count / 100)
    await publishing

    async def all_heard() -> bool:
        return await node.heard() == heard + count

    await until(all_heard, within_s=60)


@pytest.mark.soak
async def test_memory_threads_and_descriptors_stay_over_many_messages(go: Path) -> None:
    count, rounds = sized(200, 2_000), soak_rounds(5, 10)
    async with (
        GoNode.run(go, quiet="true") as node,
        connect(peers=[node.address]) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await met(bus, node)
        needs: list[_Needs] = []
        for _ in range(rounds):
            await _both_ways(node, bus, messages, count)
            needs.append(_Needs.now())
        first, half, last = needs[0], needs[rounds // 2], needs[-1]
        assert messages.dropped == bus.transport.figures.dropped_outbound == 0
        assert last[1:] == first[1:], needs
        assert last.rss < half.rss + _MOST_GROWTH, needs
