"""Programs that a test starts: their output is read as it comes, and each is ended by its pid."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["CLI", "Finished", "Running", "environment", "run", "running", "until"]

CLI = (sys.executable, "-m", "dms_events")
"""The command ``dms-events``, to put arguments behind."""
_PEACE_S = 10


class Finished(NamedTuple):
    """How a program ended; ``code`` is minus the signal that killed it."""

    code: int
    out: str
    err: str


class Running:
    """A program that runs; its two outputs are collected all the while, so no pipe fills up."""

    def __init__(self, process: asyncio.subprocess.Process, stdin: bytes | None) -> None:
        self._process = process
        self._out, self._err = bytearray(), bytearray()
        self._output = asyncio.create_task(self._collect(stdin))

    async def _collect(self, stdin: bytes | None) -> None:
        async def read(stream: asyncio.StreamReader | None, into: bytearray) -> None:
            assert stream is not None
            while chunk := await stream.read(1 << 16):
                into += chunk

        async def feed(stream: asyncio.StreamWriter, text: bytes) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may end without reading
                stream.write(text)
                await stream.drain()
            stream.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(read(self._process.stdout, self._out))
            group.create_task(read(self._process.stderr, self._err))
            if self._process.stdin is not None:
                group.create_task(feed(self._process.stdin, stdin or b""))
        await self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def out(self) -> str:
        """What it printed up to now."""
        return self._out.decode(errors="replace")

    @property
    def err(self) -> str:
        """What it said on stderr up to now."""
        return self._err.decode(errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process, and to no other."""
        assert not self.ended, f"it ended by itself, with {self._process.returncode}"
        os.kill(self._process.pid, number)

    async def finish(self, within_s: float = 60) -> Finished:
        """Wait for its end."""
        async with asyncio.timeout(within_s):
            await asyncio.shield(self._output)
        code = self._process.returncode
        assert code is not None
        return Finished(code, self._out.decode(), self._err.decode())

    async def finish_by_two_signals(self, within_s: float) -> Finished:
        """Send SIGINT and SIGTERM at once, and check that it says which of them ended it.

        The system hands out signals that are pending together in an order of its own.
        """
        self.send(signal.SIGINT)
        self.send(signal.SIGTERM)
        done = await self.finish(within_s)
        by = signal.Signals(done.code - 128)
        assert by in (signal.SIGINT, signal.SIGTERM), done
        assert done.err.splitlines()[-1:] == [f"dms-events: ended by {by.name}"]
        return done

    async def kill(self) -> Finished:
        """SIGKILL, as a crash would end it."""
        self.send(signal.SIGKILL)
        return await self.finish()

    async def end(self) -> None:
        """End it, whatever it does; in peace if it can, so that it ends what it started itself."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(_PEACE_S):
                await asyncio.shield(self._output)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._output


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program, without any ``DMS_EVENTS_…`` of this shell."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DMS_EVENTS_")}
    return inherited | {"COLUMNS": "100"} | dict(more or {})


@asynccontextmanager
async def running(
    *command: object,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> AsyncIterator[Running]:
    """Start a program; it never outlives the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL if stdin is None else pipe,
        stdout=pipe,
        stderr=pipe,
        env=environment(env),
        cwd=cwd,
    )
    program = Running(process, None if stdin is None else stdin.encode())
    try:
        yield program
    finally:
        await program.end()


async def run(
    *command: object,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    within_s: float = 60,
) -> Finished:
    """Run a program to its end."""
    async with running(*command, stdin=stdin, env=env, cwd=cwd) as program:
        return await program.finish(within_s)


async def until(
    condition: Callable[[], bool], what: str, within_s: float = 30, by: Running | None = None
) -> None:
    """Wait for a condition, which a program may bring about.

    The test fails, and says ``what`` did not come, after ``within_s``, or once the program has ended.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        if by is not None and by.ended:
            pytest.fail(f"it ended before {what}: {await by.finish()}")
        await asyncio.sleep(0.002)
