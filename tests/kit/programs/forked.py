"""The command ``dms-events`` as a process of its own, without the time that its imports take.

A process that has imported what the commands use forks for each of them. Nothing of the library has run
in it: a command begins with its own arguments, environment, folder, standard streams and signals.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import IO, Any

from tests.kit.extras import HAS_LIBP2P
from tests.kit.paths import HOME

__all__ = ["Forking"]

_IMPORTED = [
    "asyncio",
    "dms_events.codec.explain",
    "dms_events.report",
    "dms_events.schema",
    "dms_events.worker",
    "dms_events_nats",
    "dms_events_sqlite",
    "dms_events_file",
    "rich.progress",
    "typer.rich_utils",
]
if HAS_LIBP2P:
    _IMPORTED.append("dms_events_libp2p")
_MOST_BYTES = 1 << 20
_WITHIN_S = 60


class Forking:
    """The process that forks; `end` ends it when no command runs any more."""

    def __init__(self) -> None:
        self._socket, its = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with its:
            command = [sys.executable, "-m", __name__, str(its.fileno())]
            self._process = subprocess.Popen(
                command, cwd=HOME, pass_fds=[its.fileno()], start_new_session=True
            )

    def run(
        self, words: Sequence[str], env: Mapping[str, str], streams: Sequence[IO[bytes]]
    ) -> int:
        """Run a command to its end, and no longer; returns its exit code, or minus its signal."""
        asked = json.dumps({"words": words, "env": dict(env), "cwd": os.getcwd()}).encode()
        told, tells = os.pipe()
        with os.fdopen(told) as says:
            with os.fdopen(tells):
                fds = [*(stream.fileno() for stream in streams), tells]
                socket.send_fds(self._socket, [asked], fds)
            pid = int(says.readline())
            if not select.select([says], [], [], _WITHIN_S)[0]:
                os.kill(pid, signal.SIGKILL)
            return int(says.readline())

    def end(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


def _next_command(server: socket.socket) -> dict[str, Any] | None:
    """Serve; returns once in each forked process, with what it has to run, and at the end with None."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, fds, _, _ = socket.recv_fds(server, _MOST_BYTES, 4)
        if not asked:
            return None
        if os.fork() == 0:
            break
        for fd in fds:
            os.close(fd)
    server.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, tells = fds
    if pid := os.fork():
        os.write(tells, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(tells, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
    for fd in fds:
        os.close(fd)
    command: dict[str, Any] = json.loads(asked)
    return command


if __name__ == "__main__":
    for _module in _IMPORTED:
        import_module(_module)
    if command := _next_command(socket.socket(fileno=int(sys.argv[1]))):
        os.environ.clear()
        os.environ.update(command["env"])
        os.chdir(command["cwd"])
        sys.path[0] = command["cwd"]
        sys.argv[1:] = command["words"]
        runpy.run_module("dms_events", run_name="__main__", alter_sys=True)
