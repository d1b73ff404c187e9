"""Peers are looked for while there are few, and those that were known are known after a restart."""

from __future__ import annotations

import json
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from libp2p.peer.id import ID

from dms_events_libp2p.addresses.endpoints import Endpoint
from dms_events_libp2p.keys.node_key import new_key
from dms_events_libp2p.peers import discovery
from dms_events_libp2p.state.folder import StateDir
from dms_events_libp2p.state.known_peers import KnownPeers
from tests.kit.libp2p.buses import connect, eventually, is_connected

DAY_S = 86_400.0
HERE = Endpoint.of("/ip4/127.0.0.1/tcp/4001")
FILE = "peers.json"


def peer(number: int) -> ID:
    return ID(b"\x12\x20" + number.to_bytes(32, "big"))


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_known_peers_are_dialled_after_a_restart_when_bootstrap_peers_are_gone(
    tmp_path: Path,
) -> None:
    key = new_key()
    async with connect() as friend, connect(private_key=key) as old:
        async with connect(friend, old, state_dir=tmp_path) as bus:
            await eventually(lambda: len(bus.transport.peers) == 2)
            # The addresses that a peer listens on come with its identity, a little later.
            store = bus.transport._node.host.get_peerstore()
            ids = [ID.from_string(other.transport.peer_id) for other in (friend, old)]
            await eventually(lambda: all(store.get_protocols(known) for known in ids))
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
        await old.close()
        async with connect(state_dir=tmp_path) as bus:
            await eventually(lambda: is_connected(bus, friend.transport.peer_id))


async def test_a_peer_that_was_lost_is_dialled_again_though_it_is_no_bootstrap_peer() -> None:
    key, dht = new_key(), {"dht_prefix": "/nunet", "rendezvous": "dms-test"}
    async with connect(server=True, dht_prefix="/nunet") as hub, connect(hub, **dht) as bus:
        friend = connect(hub, private_key=key, **dht)
        async with friend:
            own = friend.transport.peer_id
            await eventually(lambda: is_connected(bus, own))
            [address] = friend.transport.addresses
        await eventually(lambda: not is_connected(bus, own))
        port = address.split("/")[4]
        async with connect(url=f"libp2p://127.0.0.1:{port}", private_key=key):
            await eventually(lambda: is_connected(bus, own))


async def test_a_node_looks_for_five_peers() -> None:
    dht = {"dht_prefix": "/nunet", "server": True}
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(connect(**dht))
        buses = [await stack.enter_async_context(connect(hub, **dht)) for _ in range(6)]
        for bus in buses:
            await eventually(lambda: len(bus.transport.peers) >= 5, within_s=60)  # noqa: B023


async def test_a_job_that_fails_is_begun_again_and_ends_no_node(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = 0

    def fail(known: KnownPeers) -> None:
        nonlocal failed
        failed += 1
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(discovery, "_KEEP_EVERY_S", 0.05)
    monkeypatch.setattr(discovery, "_BEGIN_AGAIN_S", 0.05)
    async with connect() as bus:
        monkeypatch.setattr(KnownPeers, "keep", fail)
        await eventually(lambda: failed > 2)
        monkeypatch.undo()
        assert bus.transport.figures.peers == 0
    assert "is started again" in caplog.text


def test_peers_are_kept_in_a_file_as_they_change(tmp_path: Path) -> None:
    clock = Clock()
    with StateDir(tmp_path) as state:
        known = KnownPeers(state, clock)
        known.keep()
        assert not (tmp_path / FILE).exists()
        known.note(peer(1), [HERE])
        known.note(peer(2), [])
        known.keep()
        written = (tmp_path / FILE).stat().st_mtime_ns
        clock.now += 1
        known.note(peer(1), [HERE])
        known.keep()
        assert (tmp_path / FILE).stat().st_mtime_ns == written
        assert KnownPeers(state, clock).found() == {peer(1): [HERE]}
        clock.now += 15 * DAY_S
        assert KnownPeers(state, clock).found() == {}


def test_who_comes_under_many_keys_does_not_drive_out_those_who_were_dialled() -> None:
    clock = Clock()
    known = KnownPeers(None, clock)
    for n in range(100):
        known.note(peer(n), [HERE], dialled=True)
    for n in range(100, 2_000):
        clock.now += 600
        known.note(peer(n), [HERE])
    found = list(known.found())
    assert len(found) == 256
    assert set(found[:100]) == {peer(n) for n in range(100)}
    assert peer(1_999) in found
    for n in range(2_000, 2_200):
        known.note(peer(n), [HERE], dialled=True)
    known.note(peer(5_000), [HERE])
    assert len(known) == 256
    assert peer(5_000) not in known.found()


def test_the_latest_addresses_of_a_peer_come_first_and_are_few() -> None:
    known = KnownPeers(None)
    for port in range(1, 20):
        known.note(peer(1), [Endpoint.of(f"/ip4/127.0.0.1/tcp/{port}")])
    assert [endpoint.port for endpoint in known.found()[peer(1)]] == [*range(19, 11, -1)]


ENTRY = {"peer": str(peer(1)), "addresses": [str(HERE)], "dialled": True, "seen": 1_000_000.0}


@pytest.mark.parametrize(
    "damage",
    [
        b"junk",
        b"\xff\x00",
        b"[1]",
        *(
            json.dumps([ENTRY | {name: value}]).encode()
            for name, value in (
                ("peer", "!!"),
                ("addresses", ["/ip4/127.0.0.1/udp/1"]),
                ("addresses", ["/ip4/x/tcp/1"]),
                ("addresses", ["/ip4/127.0.0.1/tcp/99999"]),
                ("seen", "yesterday"),
            )
        ),
    ],
)
def test_a_damaged_file_is_logged_and_begun_anew(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(damage)
    with StateDir(tmp_path) as state:
        known = KnownPeers(state, Clock())
        assert known.found() == {}
        assert "cannot be read" in caplog.text
        known.note(peer(1), [HERE])
        known.keep()
        assert KnownPeers(state, Clock()).found() == {peer(1): [HERE]}


def test_a_time_to_come_and_too_many_entries_are_taken_with_a_grain_of_salt(tmp_path: Path) -> None:
    clock = Clock()
    entries = [ENTRY | {"peer": str(peer(n)), "seen": 1e300} for n in range(1_000)]
    (tmp_path / FILE).write_text(json.dumps(entries), encoding="utf-8")
    with StateDir(tmp_path) as state:
        known = KnownPeers(state, clock)
        assert len(known) == 256
        clock.now += 15 * DAY_S
        assert known.found() == {}
