"""A requester that does not keep to the rules: a stock host, and bytes of any kind on request streams."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

__all__ = ["PROTOCOL", "asks", "framed"]

_PATIENCE_S = 30
PROTOCOL = "/dms/requests/deployment.DeploymentRequest/0.0.1"


def framed(data: bytes) -> bytes:
    """A frame as the DMS has them."""
    return len(data).to_bytes(8, "little") + data


async def asks(
    address: str,
    data: bytes,
    *,
    protocol: str = PROTOCOL,
    streams: int = 1,
    pair: Any = None,
    stop: threading.Event | None = None,
    reads: bool = True,
) -> list[bytes | None]:
    """Write the same bytes on each of some streams, and keep them open until they end, or ``stop``.

    What came on each until its end; None where it did not end, or where nothing ``reads``.
    """
    stop = stop or threading.Event()
    return await asyncio.to_thread(
        trio.run, _asks, address, data, streams, protocol, pair, stop, reads
    )


async def _asks(
    address: str,
    data: bytes,
    streams: int,
    protocol: str,
    pair: Any,
    stop: threading.Event,
    reads: bool,
) -> list[bytes | None]:
    host = new_host(key_pair=pair or create_new_key_pair())
    target = info_from_p2p_addr(Multiaddr(address))
    came: list[bytes | None] = [None] * streams

    async def ask(number: int) -> None:
        read = b""
        try:
            stream = await host.new_stream(target.peer_id, [protocol])
            await stream.write(data)
            if not reads:
                await trio.sleep_forever()
            while piece := await stream.read(65_536):
                read += piece
        except Exception:  # noqa: BLE001
            came[number] = read  # it was refused, reset or closed
        else:
            came[number] = read

    async with host.run([]):
        await host.connect(target)
        async with trio.open_nursery() as watching:
            watching.start_soon(_cancel_at, stop, watching.cancel_scope)
            async with trio.open_nursery() as tasks:
                for number in range(streams):
                    tasks.start_soon(ask, number)
            watching.cancel_scope.cancel()
        await host.close()
    return came


async def _cancel_at(stop: threading.Event, scope: trio.CancelScope) -> None:
    with trio.move_on_after(_PATIENCE_S):
        while not stop.is_set():  # noqa: ASYNC110
            await trio.sleep(0.02)
    scope.cancel()
