"""A peer that does not keep to the rules: a stock host, and bytes of any kind on its gossip stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.rsa import create_new_key_pair as create_rsa_pair
from libp2p.host.exceptions import StreamFailure
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_uvarint
from multiaddr import Multiaddr

__all__ = ["TOPIC", "attack", "framed", "get_in", "message", "rsa_id", "stay"]

TOPIC = "dms/events/elk_stats.ServiceCall"
_MESH = "/meshsub/1.1.0"


def message(pair: Any, data: bytes, number: int | None = None, **fields: Any) -> Any:
    """A gossip message with a seqno, signed by a key pair; ``fields`` are put in after that."""
    made = rpc_pb2.Message(
        data=data,
        topicIDs=[TOPIC],
        from_id=ID.from_pubkey(pair.public_key).to_bytes(),
        seqno=(time.time_ns() if number is None else number).to_bytes(8, "big"),
    )
    made.signature = pair.private_key.sign(b"libp2p-pubsub:" + made.SerializeToString())
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def framed(*messages: Any) -> bytes:
    """An RPC with these messages, as it stands on a stream."""
    data: bytes = rpc_pb2.RPC(publish=messages).SerializeToString()
    prefix: bytes = encode_uvarint(len(data))
    return prefix + data


def rsa_id() -> bytes:
    """An id that is a hash, so that the key has to be in the message."""
    return bytes(ID.from_pubkey(create_rsa_pair().public_key).to_bytes())


async def attack(
    address: str,
    parts: Iterable[bytes],
    pair: Any,
    within_s: float = 10.0,
    *,
    done: Callable[[], bool] = lambda: False,
) -> bool:
    """Write these bytes on a gossip stream; returns whether the peer was left for them.

    It waits for that ``within_s``, or until it is ``done``.
    """
    return await asyncio.to_thread(trio.run, _attack, address, list(parts), pair, within_s, done)


async def _attack(
    address: str, parts: list[bytes], pair: Any, within_s: float, done: Callable[[], bool]
) -> bool:
    host, target = new_host(key_pair=pair), info_from_p2p_addr(Multiaddr(address))
    async with host.run([]):
        await host.connect(target)
        stream = await host.new_stream(target.peer_id, [_MESH])
        left = False
        try:
            for part in parts:
                await stream.write(part)
            with trio.move_on_after(within_s):
                left = await _until_left(host, target.peer_id, done)
        except StreamError:
            left = True
        await host.close()
    return left


async def _until_left(host: Any, peer: Any, done: Callable[[], bool]) -> bool:
    while host.get_network().get_connections(peer):
        if done():
            return False
        await trio.sleep(0.02)
    return True


async def stay(address: str, count: int, until_left: int) -> list[float]:
    """Connect so many hosts until the node has left some of them; returns how many seconds those had."""
    return await asyncio.to_thread(trio.run, _stay, address, count, until_left)


async def _stay(address: str, count: int, until_left: int) -> list[float]:
    target, enough = info_from_p2p_addr(Multiaddr(address)), trio.Event()
    lives: list[float] = []

    async def visit() -> None:
        host = new_host(key_pair=create_new_key_pair())
        async with host.run([]):
            begun = trio.current_time()
            await host.connect(target)
            if await _until_left(host, target.peer_id, enough.is_set):
                lives.append(trio.current_time() - begun)
            if len(lives) >= until_left:
                enough.set()
            await enough.wait()
            await host.close()

    async with trio.open_nursery() as tasks:
        for _ in range(count):
            tasks.start_soon(visit)
    return lives


async def get_in(address: str, count: int = 1, pair: Any = None) -> int:
    """Connect so many hosts at once, each with a key of its own; returns how many stay connected."""
    return await asyncio.to_thread(trio.run, _get_in, address, count, pair)


async def _get_in(address: str, count: int, pair: Any) -> int:
    target, inside = info_from_p2p_addr(Multiaddr(address)), 0

    async def come(stay: trio.Event, arrived: trio.Event) -> None:
        nonlocal inside
        host = new_host(key_pair=pair or create_new_key_pair())
        async with host.run([]):
            with trio.move_on_after(10), suppress(SwarmException, StreamError, StreamFailure):
                await host.connect(target)
                stream = await host.new_stream(target.peer_id, ["/ipfs/ping/1.0.0"])
                await stream.write(bytes(32))
                if await stream.read(32):
                    inside += 1
            arrived.set()
            await stay.wait()
            await host.close()

    async with trio.open_nursery() as tasks:
        stay, arrivals = trio.Event(), [trio.Event() for _ in range(count)]
        for arrived in arrivals:
            tasks.start_soon(come, stay, arrived)
        for arrived in arrivals:
            await arrived.wait()
        stay.set()
    return inside
