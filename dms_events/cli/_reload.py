"""``--reload``: run a command again whenever a Python file changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from ..errors import ExtraNotInstalledError
from ._shared import status, visible

__all__ = ["reloading"]

_LOOK_MS = 200


def reloading(words: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run ``dms-events`` with these words, and again after each change of a .py file below this folder.

    After a change the running process gets a SIGTERM, and the next one starts after its end. A SIGINT or
    SIGTERM ends the running process too. Returns the exit code of the last process, as a shell gives it.

    Raises:
        ExtraNotInstalledError: the package that watches files is not installed.
    """
    try:
        from watchfiles import PythonFilter, watch
    except ImportError as error:
        raise ExtraNotInstalledError("reload", "--reload") from error

    # The URL may hold a password, which must not show in the list of processes. Python compares bytecode
    # with its source by size and second: too coarse if somebody saves twice within a second.
    env = os.environ | variables | {"PYTHONDONTWRITEBYTECODE": "1"}
    runs: list[subprocess.Popen[bytes]] = []
    stopping = threading.Event()

    def start() -> None:
        # In its own session: otherwise Ctrl-C in a terminal would reach the process twice.
        command = [sys.executable, "-m", "dms_events", *words]
        runs.append(subprocess.Popen(command, env=env, start_new_session=True))

    def end() -> None:
        if runs and runs[-1].returncode is None:
            runs[-1].send_signal(signal.SIGTERM)

    def asked(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        end()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    here = Path.cwd()
    status.print(f"watching the .py files in {here} and below it", markup=False)
    seen = 0
    for changes in watch(
        here,
        watch_filter=PythonFilter(),
        stop_event=stopping,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
    ):
        if stopping.is_set():
            break
        if changes:
            names = ", ".join(sorted(str(Path(path).relative_to(here)) for _, path in changes))
            status.print(f"{visible(names)} changed; the worker is restarted", markup=False)
            end()
            runs[-1].wait()
        if changes or not runs:  # the first start is only here, when no change can be missed
            if not stopping.is_set():
                start()
        elif runs[-1].poll() is not None and seen < len(runs):
            seen = len(runs)
            status.print("the worker ended; a change of a .py file starts it again", markup=False)
    code = runs[-1].wait() if runs else 0
    return code if code >= 0 else 128 - code
