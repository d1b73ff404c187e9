"""Peers of the DHT that answer or ask as they like: they end nothing, and take bounded room and time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from libp2p.peer.id import ID
from multiaddr import Multiaddr

from dms_events.types.elk_stats import ServiceCall
from dms_events_libp2p.dht import rendezvous_key
from dms_events_libp2p.dht.messages import Message
from tests.contract.places import call, collect
from tests.kit.libp2p.buses import connect, eventually, hears, is_connected
from tests.kit.libp2p.dht import DhtPeer, as_frame, peers

DHT: dict[str, Any] = {"dht_prefix": "/nunet", "rendezvous": "dms-test"}
KEY = rendezvous_key("dms-test")
VALUE = b"/dms-test/x"
NOWHERE = "/ip4/127.0.0.1/tcp/1"


def empty(message: Message) -> bytes:
    return as_frame(Message(type=message.type))


def names(message: Message, count: int) -> bytes:
    """An answer with so many peers that are not there, as providers and as nearer ones."""
    made = peers(count, message.key, [NOWHERE] * 100)
    return as_frame(Message(type=message.type, key=KEY, closerPeers=made, providerPeers=made))


ANSWERS: dict[str, Callable[[Message], bytes | None]] = {
    "nothing": lambda message: None,
    "no message": lambda message: b"\x40" + b"\xff" * 64,
    "a length of 2^63": lambda message: b"\xff" * 9 + b"\x01" + b"x" * 64,
    "a frame over the limit": lambda message: names(message, 2_000),
    "many peers": lambda message: names(message, 200),
    "ids that are none": lambda message: as_frame(
        Message(type=message.type, closerPeers=[Message.Peer(id=b"\x00" * n) for n in range(100)])
    ),
    "a record": lambda message: as_frame(
        Message(type=message.type, record={"key": b"other", "value": b"x"})
    ),
}


async def test_whatever_peers_answer_the_others_are_found() -> None:
    async with AsyncExitStack() as stack:
        hostile = [
            await stack.enter_async_context(DhtPeer.run(answer)) for answer in ANSWERS.values()
        ]
        hub = await stack.enter_async_context(connect(server=True, dht_prefix="/nunet"))
        known = [*hub.transport.addresses, *(peer.address for peer in hostile)]
        first, second = [
            await stack.enter_async_context(connect(peers=known, **DHT)) for _ in range(2)
        ]
        messages = await stack.enter_async_context(second.subscribe(ServiceCall))
        await eventually(lambda: is_connected(first, second.transport.peer_id), within_s=60)
        await eventually(lambda: all(peer.questions for peer in hostile))
        await hears(first, second)
        await first.publish(call())
        await collect(messages, 1)
        store = first.transport._node.host.get_peerstore()
        assert len(store.peer_ids()) < 50


BAD_REQUESTS = [
    b"\x40" + b"\xff" * 64,
    b"\xff" * 11,
    b"\xff\xff\xff\x7f",
    as_frame(Message(type=Message.FIND_NODE)),
    as_frame(Message(type=Message.GET_VALUE, key=b"x" * 129)),
    as_frame(Message(type=Message.PUT_VALUE, key=VALUE)),
    *(
        as_frame(Message(type=Message.PUT_VALUE, key=key, record={"key": of, "value": value}))
        for key, of, value in (
            (VALUE, b"y", b"x"),
            (b"/pk/x", b"/pk/x", b"x"),
            (VALUE, VALUE, b"x" * 65_537),
            (VALUE, VALUE, b""),
        )
    ),
]


async def test_a_bad_request_ends_its_stream_only() -> None:
    async with (
        connect(server=True, dht_prefix="/nunet", custom_namespace="dms-test") as bus,
        DhtPeer.run(empty) as peer,
    ):
        [address] = bus.transport.addresses
        question = as_frame(Message(type=Message.FIND_NODE, key=KEY))
        for request in BAD_REQUESTS:
            assert await peer.send(address, request, question, answers=1) == []
            assert len(await peer.send(address, question, answers=1)) == 1
        assert await bus.transport.get_value(VALUE.decode()) is None


async def test_a_peer_that_keeps_streams_open_takes_no_place_of_others() -> None:
    async with (
        connect(server=True, dht_prefix="/nunet") as bus,
        DhtPeer.run(empty) as peer,
        DhtPeer.run(empty) as other,
    ):
        [address] = bus.transport.addresses
        question = as_frame(Message(type=Message.FIND_NODE, key=KEY))
        assert await peer.keep_open(address, question, 50) == 4
        assert len(await other.send(address, question, answers=1)) == 1


async def test_a_peer_can_say_of_itself_only_that_it_provides() -> None:
    async with (
        connect(server=True, dht_prefix="/nunet") as bus,
        DhtPeer.run(empty) as peer,
    ):
        [address] = bus.transport.addresses
        own = Message.Peer(
            id=ID.from_pubkey(peer.pair.public_key).to_bytes(),
            addrs=[Multiaddr(NOWHERE).to_bytes()] * 100,
        )
        question = as_frame(Message(type=Message.GET_PROVIDERS, key=KEY))
        for told, known in ((peers(1, KEY, [NOWHERE]), 0), ([own], 1)):
            said = as_frame(Message(type=Message.ADD_PROVIDER, key=KEY, providerPeers=told))
            [answer] = await peer.send(address, said, question, answers=1)
            assert len(answer.providerPeers) == known
        assert list(answer.providerPeers[0].addrs) == [Multiaddr(NOWHERE).to_bytes()]


async def test_a_search_asks_for_as_many_peers_of_the_rendezvous_as_the_limit_says() -> None:
    dialled = 0

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dialled
        dialled += 1
        writer.close()

    async with await asyncio.start_server(closing, "127.0.0.1", 0) as server:
        there = f"/ip4/127.0.0.1/tcp/{server.sockets[0].getsockname()[1]}"

        def answer(message: Message) -> bytes:
            found = peers(40, KEY, [there]) if message.type == Message.GET_PROVIDERS else []
            return as_frame(Message(type=message.type, key=message.key, providerPeers=found))

        async with DhtPeer.run(answer) as peer:

            def searches() -> int:
                return sum(question.type == Message.GET_PROVIDERS for question in peer.questions)

            async with connect(peers=[peer.address], peer_count_discovery_limit=3, **DHT):
                await eventually(lambda: searches() >= 2 and dialled)
    assert 3 <= dialled <= 3 * searches()


async def test_to_close_ends_a_search_that_waits() -> None:
    before = set(threading.enumerate())
    async with DhtPeer.run(lambda message: None) as silent, connect(peers=[silent.address], **DHT):
        await eventually(lambda: silent.questions)
    await eventually(lambda: set(threading.enumerate()) <= before)
