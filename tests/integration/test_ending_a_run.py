"""A test run that is ended by a signal leaves no server behind."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from sys import executable

import psutil  # type: ignore[import-untyped]
import pytest

from tests.kit.paths import HOME
from tests.kit.programs.processes import Running, running, until

A_TEST = """
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
    test.write_text(A_TEST)
    command = (executable, "-m", "pytest", "-p", "tests.conftest", "-c", HOME / "pyproject.toml")
    async with running(
        *command, f"--basetemp={folder / 'temporary'}", *options, test, cwd=HOME
    ) as it:
        await until(lambda: pid.exists() and bool(pid.read_text()), "it holds a server", by=it)
        yield it, int(pid.read_text())


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
