"""Encryption as a process does it: its memory, its end in the middle, and the event loop beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from dms_events.encryption import AgeDecryptor, AgeEncryptor, AgeIdentity
from tests.kit.programs.processes import run, running, until
from tests.kit.soak import sized

pytestmark = pytest.mark.slow

KEY = AgeIdentity.generate()
MB = 1 << 20
LARGE_MB = sized(256, 1024)
HEADROOM_KB = 12 * 1024
CALLS = ("encrypt_file", "encrypt_directory", "decrypt_file", "decrypt_directory")
PROGRAM = """
import resource, sys
from dms_events.encryption import AgeDecryptor, AgeEncryptor, AgeIdentity
call, source, target, limit = sys.argv[1:]
if int(limit):
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
key = AgeIdentity(sys.stdin.read())
worker = AgeEncryptor(key.recipient) if call.startswith("encrypt") else AgeDecryptor(key)
try:
    getattr(worker, call)(source, target)
except OSError as error:
    print(error.strerror)
else:
    # ru_maxrss would count the process that started this one.
    [line] = (line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    print(line.split()[1])
"""


class Place:
    """A source for each of the calls, and an empty folder for what they make."""

    def __init__(self, folder: Path, size: int) -> None:
        (folder / "tree").mkdir(parents=True)
        self.out = folder / "out"
        self.out.mkdir()
        self.target = self.out / "target"
        (plain := folder / "tree" / "plain").touch()
        os.truncate(plain, size)
        encryptor = AgeEncryptor(KEY.recipient)
        encryptor.encrypt_file(plain, folder / "plain.age")
        encryptor.encrypt_directory(plain.parent, folder / "tree.age")
        self.sources = dict(
            zip(
                CALLS, (plain, plain.parent, folder / "plain.age", folder / "tree.age"), strict=True
            )
        )

    def command(self, call: str, limit: int = 0) -> list[object]:
        """The call as a program of its own."""
        return [sys.executable, "-c", PROGRAM, call, self.sources[call], self.target, limit]

    def hidden_bytes(self) -> int:
        """How much has been written to what is not complete."""
        hidden = list(self.out.glob(".dms-events-*.partial"))
        files = [path for top in hidden for path in (top, *top.rglob("*")) if path.is_file()]
        return sum(path.stat().st_size for path in files)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("small"), 8 * MB)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("large"), LARGE_MB * MB)


@pytest.fixture(autouse=True)
def nothing_of_others(large: Place) -> None:
    assert list(large.out.iterdir()) == []


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def peak_kb(place: Place, call: str) -> int:
    done = await run(*place.command(call), stdin=KEY.reveal(), within_s=300)
    assert (done.code, done.err) == (0, "")
    await run("rm", "-r", place.target)
    return int(done.out)


async def test_memory_does_not_grow_with_the_size(small: Place, large: Place, call: str) -> None:
    less, more = await peak_kb(small, call), await peak_kb(large, call)
    print(f"{call}: {less / 1024:.1f} MB for 8 MB, {more / 1024:.1f} MB for {LARGE_MB} MB")
    assert more < less + HEADROOM_KB


async def test_a_disk_that_takes_no_more_leaves_nothing(large: Place, call: str) -> None:
    done = await run(*large.command(call, limit=32 * MB), stdin=KEY.reveal())
    assert (done.code, done.out, done.err) == (0, "File too large\n", "")
    assert list(large.out.iterdir()) == []


async def test_ctrl_c_in_the_middle_leaves_nothing(large: Place, call: str) -> None:
    async with running(*large.command(call), stdin=KEY.reveal()) as program:
        await until(lambda: large.hidden_bytes() > MB, "a beginning", by=program)
        program.send(signal.SIGINT)
        done = await program.finish()
    assert done.code == -signal.SIGINT
    assert done.err.rstrip().endswith("KeyboardInterrupt")
    assert list(large.out.iterdir()) == []


async def test_a_kill_in_the_middle_leaves_nothing_under_the_name(large: Place, call: str) -> None:
    async with running(*large.command(call), stdin=KEY.reveal()) as program:
        await until(lambda: large.hidden_bytes() > MB, "a beginning", by=program)
        await program.kill()
    [left] = large.out.iterdir()
    mode = left.stat().st_mode
    await run("rm", "-r", left)
    assert left.match(".dms-events-*.partial")
    assert mode & 0o077 == 0


async def test_the_event_loop_goes_on_while_a_thread_encrypts(large: Place) -> None:
    encryptor, decryptor = AgeEncryptor(KEY.recipient), AgeDecryptor(KEY)
    for call in CALLS:
        make = getattr(encryptor if call.startswith("encrypt") else decryptor, call)
        work = asyncio.create_task(asyncio.to_thread(make, large.sources[call], large.target))
        turns = 0
        while not work.done():
            await asyncio.sleep(0.001)
            turns += 1
        await work
        await run("rm", "-r", large.target)
        assert turns > LARGE_MB / 16, call
