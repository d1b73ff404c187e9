"""Private networks: the key file, the cipher as Go has it, and a peer that never finishes a handshake."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
import trio
from libp2p.security.pnet.psk_conn import PskConn

import dms_events
from dms_events import ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.network_config import NetworkConfig, NetworkType, PrivateNetworkConfig
from dms_events_libp2p.keys.swarm_key import read_swarm_key
from dms_events_libp2p.workarounds import handshake
from dms_events_libp2p.workarounds.private import ProtectedConnection
from tests.contract.places import call, collect
from tests.kit.libp2p.buses import URL, connect, eventually, hears
from tests.kit.libp2p.swarm_keys import make_swarm_key

RAW = bytes(range(32))
HEADER = b"/key/swarm/psk/1.0.0/\n"
FORMS = {
    "base16": HEADER + b"/base16/\n" + RAW.hex().encode() + b"\n",
    "base16 with CRLF": HEADER.strip() + b"\r\n/base16/\r\n" + RAW.hex().encode() + b"\r\n",
    "base64": HEADER + b"/base64/\n" + base64.b64encode(RAW),
    "bytes": HEADER + b"/bin/\n" + RAW,
}
NO_KEYS = {
    "nothing": b"",
    "another header": b"/key/swarm/psk/2.0.0/\n/base16/\n" + RAW.hex().encode(),
    "an unknown encoding": HEADER + b"/base32/\n" + RAW.hex().encode(),
    "a short key": HEADER + b"/base16/\n" + RAW.hex().encode()[:-2],
    "no hex": HEADER + b"/base16/\n" + b"secret" * 11,
    "no base64": HEADER + b"/base64/\n" + b"!" * 44,
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_swarm_key_is_read_in_gos_forms(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "swarm.key"
    path.write_bytes(data)
    assert read_swarm_key(path).raw == RAW


@pytest.mark.parametrize("data", NO_KEYS.values(), ids=NO_KEYS)
def test_a_file_without_a_swarm_key_is_refused_and_does_not_show(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "swarm.key"
    path.write_bytes(data)
    with pytest.raises(
        ConfigError, match=r"swarm_key: .*does not hold a swarm key; write /key/"
    ) as caught:
        connect(swarm_key=path)
    assert RAW.hex()[:20] not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_swarm_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"swarm_key: .*No such file"):
        connect(swarm_key=tmp_path / "swarm.key")


def test_a_swarm_key_that_others_may_read_is_warned_of_and_shows_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "swarm.key"
    path.write_bytes(FORMS["base16"])
    path.chmod(0o644)
    bus = connect(swarm_key=path)
    assert f"other users may read the key in {path}" in caplog.text
    assert RAW.hex() not in repr(bus.transport._settings)
    assert repr(RAW) not in repr(bus.transport._settings)


def test_a_configuration_with_a_swarm_key_says_where_the_key_has_to_be_named(
    tmp_path: Path,
) -> None:
    config = NetworkConfig(
        type=NetworkType.LIBP2P,
        listen_address=["/ip4/127.0.0.1/tcp/0"],
        private_network=PrivateNetworkConfig(with_swarm_key=True),
    )
    with pytest.raises(ConfigError, match=r"connect\(config, swarm_key=PATH\)") as caught:
        dms_events.connect(config)
    assert caught.value.setting == "NetworkConfig.private_network.with_swarm_key"
    dms_events.connect(config, swarm_key=make_swarm_key(tmp_path / "swarm.key"))


class Wire:
    """Keeps what is written, and gives what it is made of."""

    def __init__(self, data: bytes = b"") -> None:
        self.is_initiator = True
        self.data = data

    async def write(self, data: bytes) -> None:
        self.data += data

    async def read(self, n: int | None = None) -> bytes:
        part, self.data = self.data[:n], self.data[n or len(self.data) :]
        return part


# The vectors of NaCl ("Cryptography in NaCl", 9 and 10).
NACL_KEY = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
NACL_NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
NACL_STREAM = bytes.fromhex("eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880")


def test_the_cipher_of_a_private_network_is_xsalsa20_which_stock_has_not() -> None:
    async def read(connection: Any) -> bytes:
        return bytes(await connection.read(32))

    wire = NACL_NONCE + NACL_STREAM
    assert trio.run(read, ProtectedConnection(Wire(wire), NACL_KEY)) == bytes(32)
    assert trio.run(read, PskConn(Wire(wire), NACL_KEY.hex())) != bytes(32)


def test_what_one_end_of_a_private_network_writes_the_other_reads_in_any_pieces() -> None:
    async def main() -> bytes:
        wire = Wire()
        writer = ProtectedConnection(wire, RAW)
        await writer.write(b"one ")
        await writer.write(b"two")
        assert len(wire.data) == 24 + 7
        assert b"one" not in wire.data
        reader = ProtectedConnection(Wire(wire.data), RAW)
        return b"".join([await reader.read(n) for n in (1, 2, 3, 10)])

    assert trio.run(main) == b"one two"


async def test_nodes_of_a_private_network_hear_each_other(tmp_path: Path) -> None:
    key = make_swarm_key(tmp_path / "swarm.key")
    async with (
        connect(swarm_key=key) as one,
        connect(one, swarm_key=str(key)) as other,
        one.subscribe(ServiceCall) as messages,
    ):
        await hears(other, one)
        await other.publish(call(3))
        assert [m.event.call_id for m in await collect(messages, 1)] == [3.0]


@pytest.mark.parametrize("private", [True, False], ids=["private", "open"])
async def test_a_peer_that_never_finishes_a_handshake_holds_no_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: bool
) -> None:
    monkeypatch.setattr(handshake, "HANDSHAKE_S", 0.3)
    options = {"swarm_key": make_swarm_key(tmp_path / "swarm.key")} if private else {}
    async with connect(**options) as bus:
        port = int(bus.transport.addresses[0].split("/")[4])
        limiter = bus.transport._node.host.get_network()._inbound_limiter
        silent, writer = await asyncio.open_connection("127.0.0.1", port)
        await eventually(lambda: limiter.borrowed_tokens == 1)
        async with asyncio.timeout(20):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await silent.readexactly(1_000)
        await eventually(lambda: limiter.borrowed_tokens == 0)
        assert bus.transport.figures.refused == 1
        writer.close()


async def test_a_dialled_peer_that_never_finishes_a_handshake_is_given_up_and_dialled_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handshake, "HANDSHAKE_S", 0.1)
    dialled: list[asyncio.StreamWriter] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.append(writer)

    peer = connect().transport.peer_id
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(url=URL, peers=[f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer}"]):
            await eventually(lambda: len(dialled) >= 2)
        for writer in dialled:
            writer.close()
    assert "the handshake did not end within 0.1 s" in caplog.text
