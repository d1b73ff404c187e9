"""A real single-node Elasticsearch for tests, without Docker.

The server's tree comes from Maven Central once and stays in the cache. Each server has its own run
folder and a port of its own choice on the loopback address. Security is off, unless it is asked for.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError

import pytest

from tests.kit.go import toolchain
from tests.kit.run.leftovers import run_folder

from .elasticsearch_download import ES9, Release
from .elasticsearch_policies import add_policies
from .elasticsearch_security import Security

__all__ = ["ElasticsearchServer", "call", "counted", "once_made", "send_lines"]

T = TypeVar("T")

_PLAIN_USER = "nobody"
_START_S = 180.0
_STOP_S = 30.0
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

_SETTINGS = """\
cluster.name: dms-events-tests
node.name: only
node.portsfile: true
path.data: {run}/data
path.logs: {run}/logs
network.host: 127.0.0.1
http.port: {port}
transport.port: 0
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
"""
_OPEN = "xpack.security.enabled: false"
_JVM_OPTIONS = """\
-Xms512m
-Xmx512m
-XX:+UseG1GC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-XX:ErrorFile={run}/logs/hs_err_%p.log
-Djava.io.tmpdir=${{ES_TMPDIR}}
-Dorg.apache.lucene.store.MMapDirectory.sharedArenaMaxPermits=1
--add-modules=jdk.incubator.vector
"""


def call(url: str, method: str = "GET", body: object = None) -> Any:
    """One JSON request to a server; raises `urllib.error.HTTPError` for an error answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with _open(request, timeout=30) as reply:
        return json.loads(reply.read() or b"null")


def send_lines(url: str, lines: list[str]) -> Any:
    """One request of lines of JSON to a server; raises as `call`."""
    data = "".join(f"{line}\n" for line in lines).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    with _open(urllib.request.Request(url, data, headers, method="POST"), timeout=30) as reply:
        return json.loads(reply.read())


def once_made(read: Callable[[], T], none: T) -> T:
    """What is read of the server; ``none`` while it makes the first index."""
    try:
        return read()
    except HTTPError as error:
        if error.code != 503:
            raise
        return none


def counted(url: str) -> int:
    """The documents of all types, after a refresh; 0 while the server makes the first index."""

    def count() -> int:
        call(f"{url}/dms-*/_refresh", "POST")
        return int(call(f"{url}/dms-*/_count")["count"])

    return once_made(count, 0)


class ElasticsearchServer:
    """One server process and its data; `start` after `kill` serves the same data at the same URL."""

    def __init__(
        self,
        *settings: str,
        release: Release = ES9,
        security: Security | None = None,
        policies: bool = False,
    ) -> None:
        """``settings`` are lines for ``elasticsearch.yml``; ``policies``: it keeps lifecycle policies."""
        self._release = release
        self._policies = policies
        self._security = security
        self._settings = [*settings, *(security.settings() if security else [_OPEN])]
        self._port = 0
        self._launcher: subprocess.Popen[bytes] | None = None
        # pytest's own temporary folders are closed to the user that the server runs as.
        self._run = Path(tempfile.mkdtemp(prefix="elasticsearch-", dir=run_folder()))
        self._run.chmod(0o755)

    @property
    def url(self) -> str:
        """Where it answers, once started."""
        return f"{'https' if self._security else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it takes requests. It ends with the thread that called this."""
        java_home = self._release.jdk()
        with suppress(FileNotFoundError):
            self._ports_file.unlink()
        home = self._lay_out(self._release.tree())
        command = [
            *_as_plain_user(),
            f"{java_home}/bin/java",
            *("-Xms4m", "-Xmx64m", "-XX:+UseSerialGC"),
            *self._release.launcher(home, self._run / "config"),
            *("-p", f"{self._run}/es.pid"),
        ]
        with self._log.open("ab") as log:
            self._launcher = subprocess.Popen(
                command,
                cwd=home,
                env=self._environment(java_home, home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait(self._ports_file.exists)
        self._port = int(self._ports_file.read_text().split()[0].rpartition(":")[2])
        self._wait(self._healthy)

    def kill(self) -> None:
        """End the server process at once, as a power cut of the process would."""
        assert self._launcher is not None
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self._run / "es.pid").read_text()), signal.SIGKILL)
        self._end_launcher()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it do nothing for a while, with its connections open."""
        number = int((self._run / "es.pid").read_text())
        os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(number, signal.SIGCONT)

    def stop(self) -> None:
        """Stop it and remove its data."""
        try:
            self._end_launcher()
        finally:
            shutil.rmtree(self._run, ignore_errors=True)

    def _end_launcher(self) -> None:
        if self._launcher is None:
            return
        self._launcher.terminate()
        try:
            self._launcher.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            with suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int((self._run / "es.pid").read_text()), signal.SIGKILL)
            self._launcher.kill()
            self._launcher.wait()
        self._launcher = None
        with suppress(FileNotFoundError):
            (self._run / "es.pid").unlink()

    @property
    def _log(self) -> Path:
        return self._run / "stdout.log"

    @property
    def _ports_file(self) -> Path:
        return self._run / "logs" / "http.ports"

    def _lay_out(self, unpacked: Path) -> Path:
        """Write the configuration; the answer is the server's home."""
        for name in ("config/jvm.options.d", "data", "logs", "tmp"):
            (self._run / name).mkdir(parents=True, exist_ok=True)
        config = self._run / "config"
        for name in ("log4j2.properties", "role_mapping.yml", "roles.yml", "users", "users_roles"):
            shutil.copyfile(unpacked / "config" / name, config / name)
        settings = _SETTINGS.format(run=self._run, port=self._port)
        (config / "elasticsearch.yml").write_text(settings + "\n".join(self._settings) + "\n")
        (config / "jvm.options").write_text(_JVM_OPTIONS.format(run=self._run))
        if self._security is not None:
            self._security.write(config)
        root = os.geteuid() == 0
        if not root and not self._policies:
            return unpacked
        # The cache of root is closed to other users; links in an open folder cost nothing.
        home = self._run / "home"
        if not home.exists():
            shutil.copytree(unpacked, home, copy_function=_link)
        if self._policies:
            add_policies(home, self._release.jdk())
        if not root:
            return home
        for name in ("config", "data", "logs", "tmp"):
            for path in (self._run / name, *(self._run / name).rglob("*")):
                shutil.chown(path, _PLAIN_USER, _group())
        shutil.chown(self._run, _PLAIN_USER, _group())
        return home

    def _environment(self, java_home: Path, home: Path) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOSTNAME": "localhost",
            "JAVA": f"{java_home}/bin/java",
            "JAVA_TYPE": "ES_JAVA_HOME",
            "ES_JAVA_HOME": str(java_home),
            "ES_HOME": str(home),
            "ES_PATH_CONF": f"{self._run}/config",
            "ES_TMPDIR": f"{self._run}/tmp",
            "ES_DISTRIBUTION_TYPE": "zip",
        }

    def _healthy(self) -> bool:
        try:
            path = f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s"
            (self._security.call if self._security else call)(path)
        except OSError:
            return False
        return True

    def _wait(self, condition: Callable[[], bool]) -> None:
        assert self._launcher is not None
        deadline = time.monotonic() + _START_S
        while not condition():
            if self._launcher.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-30:])
            pytest.fail(f"no Elasticsearch within {_START_S:g} s:\n{tail}", pytrace=False)


def _as_plain_user() -> list[str]:
    """Prefix of the command: the server refuses root, and must not outlive the tests."""
    program = str(toolchain.program("setpriv", "install util-linux"))
    if os.geteuid() != 0:
        return [program, "--pdeathsig", "TERM"]
    user = f"--reuid={_PLAIN_USER}"
    return [program, user, f"--regid={_group()}", "--clear-groups", "--pdeathsig", "TERM"]


def _group() -> int:
    return pwd.getpwnam(_PLAIN_USER).pw_gid


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
