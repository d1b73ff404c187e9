"""A peer of the DHT that need not keep to the rules: a stock host, and bytes of any kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.host.exceptions import StreamFailure
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.utils.varint import encode_uvarint
from multiaddr import Multiaddr

from dms_events_libp2p.bridge import Bridge
from dms_events_libp2p.dht.messages import Message, number
from dms_events_libp2p.workarounds import Frames, socket_closer

__all__ = ["DhtPeer", "as_frame", "peers"]

PROTOCOL = "/nunet/kad/1.0.0"
_LARGEST = 1 << 22
_ANSWER_S = 10.0


def as_frame(message: Message) -> bytes:
    """A message as it stands on a stream."""
    data = message.SerializeToString()
    return bytes(encode_uvarint(len(data)) + data)


def peers(count: int, key: bytes, addresses: Sequence[str] = ()) -> list[Any]:
    """So many peers that nobody has the key of, nearer to a key than real ones are."""
    made = [b"\x12\x20" + n.to_bytes(32, "big") for n in range(20 * count)]
    made.sort(key=lambda peer: number(peer) ^ number(key))
    raw = [Multiaddr(address).to_bytes() for address in addresses]
    return [Message.Peer(id=peer, addrs=raw) for peer in made[:count]]


class DhtPeer:
    """Answers each question with the bytes of ``answer``; with None it says nothing at all."""

    def __init__(self, answer: Callable[[Message], bytes | None]) -> None:
        self._answer = answer
        self.questions: list[Message] = []
        self.pair = create_new_key_pair()
        self.address = ""
        self.bridge = Bridge(self._main, name="dht-peer")

    @classmethod
    @asynccontextmanager
    async def run(cls, answer: Callable[[Message], bytes | None]) -> AsyncIterator[DhtPeer]:
        peer = cls(answer)
        await peer.bridge.open()
        try:
            yield peer
        finally:
            await peer.bridge.close()

    @asynccontextmanager
    async def _main(self) -> AsyncIterator[None]:
        self.host = new_host(key_pair=self.pair)
        close_sockets = socket_closer(self.host.get_network())
        try:
            async with self.host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
                self.host.set_stream_handler(PROTOCOL, self._handle)
                [address] = self.host.get_addrs()
                self.address = str(address)
                try:
                    yield
                finally:
                    with trio.move_on_after(2, shield=True):
                        await self.host.close()
        finally:
            await close_sockets()

    async def _handle(self, stream: Any) -> None:
        question = Message()
        question.ParseFromString(await Frames(stream, _LARGEST).next())
        self.questions.append(question)
        answer = self._answer(question)
        if answer is None:
            await trio.sleep_forever()
        try:
            await stream.write(answer)
        except StreamError:
            return  # the node does not read it all

    async def send(self, address: str, *frames: bytes, answers: int = 0) -> list[Message]:
        """Write frames on one stream to a node, and read so many answers; fewer if it ends the stream."""
        told: list[Message] = await self.bridge.call(self._send, address, frames, answers)
        return told

    async def _send(self, address: str, frames: Sequence[bytes], answers: int) -> list[Message]:
        target = info_from_p2p_addr(Multiaddr(address))
        await self.host.connect(target)
        stream = await self.host.new_stream(target.peer_id, [PROTOCOL])
        read = Frames(stream, _LARGEST)
        told: list[Message] = []
        try:
            for frame in frames:
                await stream.write(frame)
            with trio.move_on_after(_ANSWER_S):
                while len(told) < answers:
                    answer = Message()
                    answer.ParseFromString(await read.next())
                    told.append(answer)
        except StreamError:
            return told
        await stream.reset()
        return told

    async def keep_open(self, address: str, question: bytes, count: int) -> int:
        """Ask on so many streams, and keep them; returns on how many the node answers."""
        answered: int = await self.bridge.call(self._keep_open, address, question, count)
        return answered

    async def _keep_open(self, address: str, question: bytes, count: int) -> int:
        target = info_from_p2p_addr(Multiaddr(address))
        await self.host.connect(target)
        answered = 0
        for _ in range(count):
            with suppress(StreamError, StreamFailure):
                stream = await self.host.new_stream(target.peer_id, [PROTOCOL])
                await stream.write(question)
                answered += bool(await stream.read(1))
        return answered
