"""What py-libp2p as it is does not bound or know, a few lines each. One that fails was mended.

`docs/upstream.md` describes it. Of this library there is only what closes the sockets at the end.
"""

from __future__ import annotations

from typing import Any

import trio
from libp2p.io.trio import TrioTCPStream
from libp2p.network.config import ConnectionConfig
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_uvarint

from tests.kit.libp2p.stock import Stock, ends, gossip_stream, run, stock, until


def test_an_exception_of_a_heartbeat_ends_the_host() -> None:
    async def main() -> None:
        def broken() -> Any:
            raise LookupError("of a heartbeat")

        async with stock() as node:
            node.router.mesh_heartbeat = broken
            await trio.sleep(10)

    ends(main, LookupError)


def test_the_topics_of_prunes_are_remembered() -> None:
    prunes = [rpc_pb2.ControlPrune(topicID=f"t{n}") for n in range(2_000)]
    data = rpc_pb2.RPC(control=rpc_pb2.ControlMessage(prune=prunes)).SerializeToString()

    async def main() -> None:
        async with stock() as node, stock() as other:
            await (await gossip_stream(other, node)).write(encode_uvarint(len(data)) + data)
            await until(lambda: len(node.router.back_off) == 2_000)

    run(main)


def test_the_address_of_an_ipv6_peer_is_not_known() -> None:
    async def main() -> None:
        [listener] = await trio.open_tcp_listeners(0, host="::1")
        port = listener.socket.getsockname()[1]
        async with await trio.open_tcp_stream("::1", port) as stream, listener:
            assert TrioTCPStream(stream).get_remote_address() is None

    run(main)


def test_a_connection_with_a_stream_is_not_closed_however_many_there_are() -> None:
    few = ConnectionConfig(
        max_connections=300, high_watermark=2, low_watermark=0, min_connections=0, grace_period=0
    )

    async def come(node: Stock, left: int) -> None:
        if left:
            async with stock() as other:
                await other.meet(node)
                await come(node, left - 1)
            return
        await node.host.get_network().connection_pruner.maybe_prune_connections()
        assert len(node.host.get_network().get_connections()) == 4

    async def main() -> None:
        async with stock(connection_config=few) as node:
            await come(node, 4)

    run(main)


def test_the_mean_of_the_watermarks_is_dialled() -> None:
    async def main() -> None:
        low = ConnectionConfig(low_watermark=0, min_connections=0)
        async with stock(connection_config=low) as node, stock() as other:
            node.host.get_peerstore().add_addrs(other.id, other.host.get_transport_addrs(), 60)
            await node.host.get_network().auto_connector.maybe_connect()
            await until(lambda: node.host.get_network().get_connections(other.id))

    run(main)
