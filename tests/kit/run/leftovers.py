"""Ends the servers and programs that a test run left behind, however the run ended.

It is a process beside pytest that waits for the end of its standard input. Pytest holds the other end
of that pipe, so a SIGKILL of pytest closes it too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.kit.paths import HOME

__all__ = ["FOLDER", "run_folder", "watch"]

FOLDER = "TEST_RUN"
"""The environment variable that every process of a run inherits; it names the folder of the run."""
_PEACE_S = 10


def run_folder() -> Path:
    """The folder of this run, which is removed after it."""
    return Path(os.environ[FOLDER])


def watch(folder: Path) -> subprocess.Popen[bytes]:
    """Start that process for the run of this folder; it removes the folder too."""
    command = [sys.executable, "-m", __name__, str(folder)]
    # Its own session: Ctrl-C in a terminal is for pytest, and this process has to outlive it.
    return subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, start_new_session=True)


def _end_all(folder: str) -> None:
    """End every process of the run: in peace, or by force after 10 s."""
    for process in _processes(folder):
        with suppress(psutil.NoSuchProcess):
            print(
                f"the tests left {process.name()} ({process.pid}) running: ended", file=sys.stderr
            )
            process.terminate()
    deadline = time.monotonic() + _PEACE_S
    while left := list(_processes(folder)):
        if time.monotonic() > deadline:
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.05)


def _processes(folder: str) -> Iterator[psutil.Process]:
    own = psutil.Process().pid
    for process in psutil.process_iter():
        # The environment of another user's process is closed to us, and that of a zombie is gone.
        with suppress(psutil.Error, OSError):
            if process.pid != own and process.environ().get(FOLDER) == folder:
                yield process


if __name__ == "__main__":
    sys.stdin.read()
    _end_all(sys.argv[1])
    shutil.rmtree(sys.argv[1])
