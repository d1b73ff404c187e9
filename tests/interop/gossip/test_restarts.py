"""Nodes that are killed and come back under their key, and clocks that are set back, against Go."""

from __future__ import annotations

import re
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dms_events.types.elk_stats import ServiceCall
from dms_events_libp2p.keys.node_key import new_key
from tests.contract.places import call, collect
from tests.kit.go.libp2p import GoNode
from tests.kit.libp2p.buses import connect, eventually
from tests.kit.libp2p.go_peers import free_port, met
from tests.kit.programs import gossip_node
from tests.kit.programs.processes import Running, running, until


async def test_a_go_peer_whose_clock_was_set_back_is_heard_and_marked(
    go: Path, tmp_path: Path
) -> None:
    listen, key = f"/ip4/127.0.0.1/tcp/{free_port()}", str(tmp_path / "key")
    async with GoNode.run(go, listen=listen, key=key) as node:
        bus = connect(peers=[node.address])
        await bus.open()
        messages = bus.subscribe(ServiceCall)
        await messages.__aenter__()
        await met(bus, node)
        node.publish(5)
        assert not any(m.possibly_replayed for m in await collect(messages, 5, within_s=60))
    await eventually(lambda: not bus.transport.peers)
    async with GoNode.run(go, listen=listen, key=key, clock_back="1h") as node:
        await met(bus, node)
        node.publish(5)
        marks = {m.possibly_replayed for m in await collect(messages, 5, within_s=60)}
        figures = bus.transport.figures
    await bus.close()
    assert marks == {True}
    assert (figures.possibly_replayed, figures.replayed, figures.duplicates) == (5, 0, 0)


async def test_a_python_node_that_was_killed_is_heard_and_hears_what_is_new(
    go: Path, tmp_path: Path
) -> None:
    program = (sys.executable, "-m", gossip_node.__name__)
    heard: set[str] = set()
    async with GoNode.run(go) as node:
        for life in (1, 2):
            state = (tmp_path / "key", tmp_path / "state")
            async with running(*program, node.address, *state) as python:
                told = await node.wait("message", 5 * life)
                node.publish(5)
                # What it heard just before it was killed may come once more.
                await until(partial(hears, python, heard, 5 * life), "new events", by=python)
                await python.kill()
            await node.wait("left", life)
    assert len({event["from"] for event in told}) == 1
    assert len({event["id"] for event in told}) == 10


def hears(python: Running, heard: set[str], count: int) -> bool:
    heard.update(re.findall(r"heard (\S+)\n", python.out))
    return len(heard) == count


async def test_a_go_peer_that_wants_rising_numbers_hears_a_node_whose_clock_was_set_back(
    go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    async with GoNode.run(go, seqnos_rise="true") as node:
        for life, ahead_s in enumerate((3_600, 0), start=1):
            now = time.time_ns() + ahead_s * 10**9
            monkeypatch.setattr("dms_events_libp2p.state.seqnos.time_ns", lambda now=now: now)
            async with (
                connect(peers=[node.address], private_key=key, state_dir=tmp_path) as bus,
                bus.subscribe(ServiceCall),
            ):
                await node.wait("joined", life)
                await met(bus, node)
                for number in range(5):  # one by one: Go checks those of a burst in any order
                    await bus.publish(call(number))
                    await node.wait("message", 5 * (life - 1) + number + 1)
            await node.wait("left", life)
