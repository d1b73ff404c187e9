"""How a node comes to its peers."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dms_events import TransportError
from dms_events.types.elk_stats import ServiceCall
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.hostile import stay


async def test_each_address_of_a_peer_is_tried() -> None:
    async with connect() as other:
        [address] = other.transport.addresses
        moved = f"/ip4/127.0.0.1/tcp/1/p2p/{other.transport.peer_id}"
        async with connect(peers=[moved, address]) as bus:
            await eventually(lambda: bus.transport.peers)


async def test_connections_beyond_the_limit_are_closed_after_their_grace_period() -> None:
    async with (
        connect(max_connections=3, grace_period_ms=1_500) as bus,
        connect(bus) as friend,
        bus.subscribe(ServiceCall),
        friend.subscribe(ServiceCall),
    ):
        await hears(bus, friend)
        lives = await stay(bus.transport.addresses[0], 4, until_left=2)
        assert len(lives) == 2
        assert min(lives) >= 1.5
        assert bus.transport.figures.trimmed == 2
        assert friend.transport.peer_id in {peer.peer_id for peer in bus.transport.peers}


async def test_the_library_dials_nobody_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "libp2p")
    async with connect():
        await eventually(lambda: "AUTO_CONNECTOR_STATE" in caplog.text)
        assert "new dials" not in caplog.text


async def test_an_address_that_leads_nowhere_is_tried_once_a_dial() -> None:
    tried = 0

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        writer.close()

    async with await asyncio.start_server(closing, "127.0.0.1", 0) as server, connect() as bus:
        port = server.sockets[0].getsockname()[1]
        nobody = connect().transport.peer_id
        with pytest.raises(TransportError, match="cannot connect"):
            await bus.transport.ping(f"/ip4/127.0.0.1/tcp/{port}/p2p/{nobody}")
    assert tried == 1
