"""A Go peer (go-libp2p, go-libp2p-pubsub, their defaults) and this library on one gossip topic."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path

import msgspec
import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.utils.varint import encode_uvarint

from dms_events import PublishError
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.network_config import PrivateKey
from dms_events_libp2p.keys.node_key import load_key, new_key, peer_id
from dms_events_libp2p.peers import peering, pinging
from tests.contract.places import collect, event_calls, until
from tests.kit.go.libp2p import SOURCE, GoNode
from tests.kit.go.toolchain import program
from tests.kit.libp2p.buses import connect, eventually, full_with
from tests.kit.libp2p.go_peers import both_ways, free_port, met
from tests.kit.libp2p.hostile import attack, framed, message


@pytest.mark.parametrize(
    ("security", "key_type"),
    list(product(("noise", "tls"), ("ed25519", "secp256k1", "rsa"))),
)
@pytest.mark.parametrize("dials", ["python", "go"])
async def test_events_go_both_ways(go: Path, security: str, key_type: str, dials: str) -> None:
    if dials == "python":
        async with (
            GoNode.run(go, security=security, key_type=key_type) as node,
            connect(peers=[node.address]) as bus,
            bus.subscribe(ServiceCall),
        ):
            await met(bus, node)
            await both_ways(bus, node)
        return
    async with connect() as bus, bus.subscribe(ServiceCall):
        [address] = bus.transport.addresses
        async with GoNode.run(go, connect=address, security=security, key_type=key_type) as node:
            await met(bus, node)
            await both_ways(bus, node)


async def test_peer_ids_and_key_files_agree(go: Path, tmp_path: Path) -> None:
    for kind in ("ed25519", "secp256k1", "rsa"):
        path = tmp_path / kind
        async with GoNode.run(go, key=str(path), key_type=kind) as node:
            assert peer_id(PrivateKey.from_base64(node.key)) == node.peer
            assert peer_id(load_key(None, path)) == node.peer
    key = load_key(None, tmp_path / "python")
    async with GoNode.run(go, key=str(tmp_path / "python")) as node:
        assert (node.peer, node.key) == (peer_id(key), key.to_base64())


async def test_a_message_of_the_largest_size_arrives_each_way(go: Path) -> None:
    async with (
        GoNode.run(go) as node,
        connect(peers=[node.address]) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await met(bus, node)
        [event] = event_calls(1)
        plain, room = bus.prepare(event), bus.transport.max_payload
        await bus.publish(msgspec.structs.replace(plain, data=plain.data.ljust(room)))
        [told] = await node.wait("message", 1)
        assert told["id"] == plain.id
        with pytest.raises(PublishError, match="over the limit"):
            await bus.publish(msgspec.structs.replace(plain, data=plain.data.ljust(room + 1)))
        node.publish(f"fill {room}")
        [message] = await collect(messages, 1, within_s=60)
        assert len(message.delivery.data) == room


async def test_a_go_peer_that_sends_too_large_a_message_disturbs_no_other(go: Path) -> None:
    async with (
        GoNode.run(go) as node,
        GoNode.run(go, largest=str(2 << 20)) as large,
        connect(peers=[node.address, large.address]) as bus,
        bus.subscribe(ServiceCall),
    ):
        await met(bus, node)
        await met(bus, large)
        large.publish(f"fill {(1 << 20) + 1}")
        await eventually(lambda: bus.transport.figures.refused_peers == 1)
        await both_ways(bus, node)


async def test_a_burst_loses_nothing_at_a_go_peer(go: Path) -> None:
    async with (
        GoNode.run(go) as node,
        connect(peers=[node.address]) as bus,
        bus.subscribe(ServiceCall),
    ):
        await met(bus, node)
        await bus.publish_many(event_calls(1_000))
        await asyncio.gather(*(bus.publish(event) for event in event_calls(200)))
        told = await node.wait("message", 1_200)
    assert len({event["id"] for event in told}) == 1_200


async def test_a_go_peer_that_comes_back_is_heard_and_hears(go: Path, tmp_path: Path) -> None:
    flags = {"listen": f"/ip4/127.0.0.1/tcp/{free_port()}", "key": str(tmp_path / "key")}
    async with GoNode.run(go, **flags) as node:
        address = node.address
        bus = connect(peers=[address])
        await bus.open()
        subscription = bus.subscribe(ServiceCall)
        await subscription.__aenter__()
        await met(bus, node)
        await both_ways(bus, node)
    await eventually(lambda: not bus.transport.peers)
    async with GoNode.run(go, **flags) as node:
        assert node.address == address
        await met(bus, node)
        await both_ways(bus, node)
    figures = bus.transport.figures
    assert (figures.possibly_replayed, figures.replayed, figures.duplicates) == (0, 0, 0)
    await bus.close()


async def test_a_python_node_that_comes_back_is_heard_and_hears(go: Path) -> None:
    key = new_key()
    async with GoNode.run(go) as node:
        for life in range(2):
            async with (
                connect(peers=[node.address], private_key=key) as bus,
                bus.subscribe(ServiceCall),
            ):
                await node.wait("joined", life + 1)
                await met(bus, node)
                await both_ways(bus, node)
            await node.wait("left", life + 1)


async def test_hostile_bytes_do_not_part_a_go_peer_from_the_node(go: Path) -> None:
    pair = create_new_key_pair()
    parts = [framed(message(pair, b"junk")), encode_uvarint(64) + b"\xff" * 64]
    async with connect() as bus, bus.subscribe(ServiceCall):
        [address] = bus.transport.addresses
        async with GoNode.run(go, connect=address) as node:
            await met(bus, node)
            assert await attack(address, parts, pair)
            await both_ways(bus, node)
            assert not node.of("left")


async def test_a_go_peer_that_sends_junk_is_left(go: Path) -> None:
    async with connect() as bus, bus.subscribe(ServiceCall) as messages:
        [address] = bus.transport.addresses
        async with GoNode.run(go, connect=address) as node:
            await met(bus, node)
            for number in range(30):
                node.publish(f'raw {{"no": "envelope {number}"}}')
            await node.wait("left", 1)
            await eventually(lambda: not bus.transport.peers)
            assert await messages.batch(1, 0.1) == []
            assert messages.undecodable == 20


async def test_go_peers_that_know_one_full_node_only_get_to_know_each_other(go: Path) -> None:
    async with AsyncExitStack() as stack, connect() as hub, hub.subscribe(ServiceCall):
        full_with(hub, 1)
        [address] = hub.transport.addresses
        nodes = [await stack.enter_async_context(GoNode.run(go, connect=address)) for _ in range(3)]
        for node in nodes:
            await node.wait("joined", 3)


@pytest.mark.slow
async def test_a_frozen_go_peer_is_left_within_15_s_and_dialled_again(go: Path) -> None:
    assert peering._PING_EVERY_S + peering._PING_S + pinging._LEAVE_S + peering._LEAVE_S < 15
    async with (
        GoNode.run(go) as node,
        connect(peers=[node.address]) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await met(bus, node)
        node.freeze()
        await eventually(lambda: not bus.transport.peers, within_s=60)
        node.thaw()
        # It notices the end of the old connection now, before or after the beginning of the new one.
        await node.wait("left", 1)
        await node.wait("joined", 2)

        async def heard() -> bool:
            node.publish(1)  # it sends nothing until it has opened its stream again
            return bool(await messages.batch(1, 0.5))

        await until(heard, within_s=60)
        await both_ways(bus, node)


def test_the_go_sources_are_formatted_and_vetted(go: Path) -> None:
    for command in (
        [str(program("gofmt", "it comes with Go")), "-l", "."],
        [str(program("go", "install Go 1.26 or newer")), "vet", "./..."],
    ):
        done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
