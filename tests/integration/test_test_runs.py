"""A run of the tests: a group keeps to one worker, and a signal leaves no server behind."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from sys import executable

import psutil  # type: ignore[import-untyped]
import pytest

from tests.kit.paths import HOME
from tests.kit.programs.processes import Running, run, running, until

COMMAND = (executable, "-m", "pytest", "-p", "tests.conftest", "-c", HOME / "pyproject.toml")
GROUPED = """
import os
from pathlib import Path
import pytest

def note(name):
    with Path(__file__).with_name(name).open("a") as workers:
        print(os.environ["PYTEST_XDIST_WORKER"], file=workers)

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(5))
def test_in_a_group(number):
    note("grouped")

@pytest.mark.parametrize("number", range(5))
def test_that_holds_the_fixture_of_a_group(number, elasticsearch_url):
    note("by_fixture")
"""
LONG_AND_SHORT = """
import time
from pathlib import Path
import pytest

SHORT = Path(__file__).with_name("short")

@pytest.mark.slow
@pytest.mark.parametrize("number", range(2))
def test_that_is_long(number):
    deadline = time.monotonic() + 20
    while not SHORT.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)

@pytest.mark.parametrize("number", range(6))
def test_that_is_short(number):
    SHORT.touch()
"""
HOLDS_A_SERVER = """
import asyncio
from pathlib import Path

async def test_that_does_not_end(nats_server):
    Path(__file__).with_name("pid").write_text(str(nats_server.pid))
    await asyncio.Event().wait()
"""


@asynccontextmanager
async def a_run(folder: Path, *options: str) -> AsyncIterator[tuple[Running, int]]:
    """A run of pytest with a test that holds a nats-server, and the process id of that."""
    test, pid = folder / "test_it.py", folder / "pid"
    test.write_text(HOLDS_A_SERVER)
    async with running(
        *COMMAND, f"--basetemp={folder / 'temporary'}", *options, test, cwd=HOME
    ) as it:
        await until(lambda: pid.exists() and bool(pid.read_text()), "it holds a server", 120, it)
        yield it, int(pid.read_text())


async def test_a_group_keeps_to_one_worker(tmp_path: Path) -> None:
    test = tmp_path / "test_groups.py"
    test.write_text(GROUPED)
    env = {"DMS_EVENTS_TEST_ELASTICSEARCH_URL": "http://127.0.0.1:1"}  # it is not asked anything
    done = await run(
        *COMMAND, f"--basetemp={tmp_path / 'temporary'}", "-n2", test, cwd=HOME, env=env
    )
    assert done.code == 0, done.out
    [first], [other] = (
        Counter((tmp_path / name).read_text().split()).items() for name in ("grouped", "by_fixture")
    )
    assert first[1] == other[1] == 5
    assert first[0] != other[0], "the groups ran beside each other"


async def test_short_tests_run_beside_the_long_ones(tmp_path: Path) -> None:
    test = tmp_path / "test_long_and_short.py"
    test.write_text(LONG_AND_SHORT)
    done = await run(*COMMAND, f"--basetemp={tmp_path / 'temporary'}", "-n2", test, cwd=HOME)
    assert done.code == 0, done.out


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
async def test_sigterm_lets_the_fixtures_stop_their_servers(tmp_path: Path, workers: str) -> None:
    async with a_run(tmp_path, workers) as (pytest_, server):
        pytest_.send(signal.SIGTERM)
        ended = await pytest_.finish()
        assert not psutil.pid_exists(server)
    assert ended.code == pytest.ExitCode.INTERRUPTED, ended
    assert "left" not in ended.err


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
async def test_what_a_killed_run_leaves_behind_is_ended(tmp_path: Path, workers: str) -> None:
    async with a_run(tmp_path, workers) as (pytest_, server):
        await pytest_.kill()
        await until(lambda: not psutil.pid_exists(server), "the server has ended")
