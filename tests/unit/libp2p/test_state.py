"""The state folder of a node: of one node at a time, whole or not at all, and damage is survived."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dms_events import ConfigError
from dms_events_libp2p.state import seqnos
from dms_events_libp2p.state.folder import StateDir
from dms_events_libp2p.state.seqnos import Seqnos
from tests.kit.libp2p.buses import connect, eventually

HOUR_NS = 3_600 * 10**9


async def test_a_folder_is_of_one_node_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "node"
    async with connect(state_dir=folder):
        second = connect(state_dir=folder)
        with pytest.raises(ConfigError, match=rf"in use by the node of process {os.getpid()}"):
            await second.open()
    async with connect(state_dir=folder):
        pass
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert (stat.S_IMODE(folder.stat().st_mode), modes) == (0o700, {0o600})


async def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match="state_dir"):
        await connect(state_dir=file).open()
    (tmp_path / "seqno").mkdir()
    with pytest.raises(ConfigError, match="state_dir"):
        await connect(state_dir=tmp_path).open()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    with StateDir(tmp_path) as state:
        assert state.read("x") == b""
        state.write("x", b"one")
        (tmp_path / "x.new").write_bytes(b"half of the n")  # of a process that was killed
        assert state.read("x") == b"one"
        state.write("x", b"two")
        assert state.read("x") == b"two"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "x"]


def test_numbers_rise_though_the_clock_went_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def life(now: int, *, killed: bool) -> int:
        monkeypatch.setattr(seqnos, "time_ns", lambda: now)
        with StateDir(tmp_path) as state:
            numbers = Seqnos(state)
            if not killed:
                numbers.close(numbers.last + 50)
            return numbers.last

    now = 10 * HOUR_NS
    first = life(now, killed=False)
    second = life(now - HOUR_NS, killed=True)
    third = life(now - HOUR_NS, killed=False)
    assert (first, second) == (now, now + 50)
    assert third > second + 50
    assert life(now + HOUR_NS, killed=True) == now + HOUR_NS


async def test_numbers_are_kept_ahead_of_those_that_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seqnos, "_KEEP_S", 0.01)
    async with connect(state_dir=tmp_path) as bus:
        far = bus.transport._node.pubsub.counter + 3 * HOUR_NS
        bus.transport._node.pubsub.counter = far
        await eventually(lambda: int((tmp_path / "seqno").read_bytes()) > far)


async def test_a_folder_that_cannot_be_written_later_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(seqnos, "_KEEP_S", 0.01)
    async with connect(state_dir=tmp_path) as bus:
        (tmp_path / "heard-seqnos").mkdir()
        bus.transport._node.seqnos.windows.take(b"signer", 1)
        await eventually(lambda: "cannot be written" in caplog.text)
        (tmp_path / "heard-seqnos").rmdir()
        await eventually((tmp_path / "heard-seqnos").is_file)
    assert caplog.text.count("cannot be written") == 1


@pytest.mark.parametrize("damage", [b"", b"junk", b"\xff\x00", b"-5", str(1 << 64).encode()])
def test_a_damaged_number_is_begun_anew(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "seqno").write_bytes(damage)
    with StateDir(tmp_path) as state:
        assert 0 < Seqnos(state).last < 1 << 62
    assert bool(damage) == ("cannot be read" in caplog.text)
