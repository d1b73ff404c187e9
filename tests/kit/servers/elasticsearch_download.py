"""The releases of Elasticsearch that tests run: the unpacked tree, and the JDK to run it with."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.go import toolchain

__all__ = ["ES8", "ES9", "Release"]


@dataclass(frozen=True)
class Release:
    """A server as Maven Central has it. ``tree`` fetches it once."""

    pom: str
    home: str
    """Where the server lies in what the pom unpacks."""
    java: int
    """The oldest JDK that runs it."""

    def jdk(self) -> Path:
        """The home of the first JDK that is new enough."""
        named = os.environ.get("JAVA_HOME")
        for home in ([Path(named)] if named else []) + sorted(Path("/usr/lib/jvm").glob("*")):
            release = home / "release"
            if (home / "bin/java").exists() and release.exists():
                version = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE)
                if version and int(version[1]) >= self.java:
                    return home
        toolchain.missing(f"a JDK {self.java} or newer", "install one, or set JAVA_HOME")
        raise AssertionError("unreachable")

    def tree(self) -> Path:
        """The unpacked server, from the cache where this version was unpacked before."""
        cache = toolchain.cache_dir("elasticsearch")
        pom = Path(__file__).with_name(self.pom) / "pom.xml"
        done = cache / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                _unpack(pom, cache, done)
        return next(done.glob(self.home))

    def launcher(self, home: Path, config: Path) -> list[str]:
        """The arguments of Java that start it, without those of the server."""
        if self is ES9:
            libraries = f"{home}/lib/tools/server-launcher/*"
            return ["-cp", libraries, "org.elasticsearch.server.launcher.ServerLauncher"]
        libraries = f"{home}/lib/*:{home}/lib/cli-launcher/*"
        return [
            *("-Dcli.name=server", f"-Dcli.script={home}/bin/elasticsearch"),
            "-Dcli.libs=lib/tools/server-cli",
            *(f"-Des.path.home={home}", f"-Des.path.conf={config}"),
            *("-Des.distribution.type=zip", "-Des.java.type=ES_JAVA_HOME"),
            *("-cp", libraries, "org.elasticsearch.launcher.CliToolLauncher"),
        ]


ES9 = Release("elasticsearch_pom", "sonarqube-*/elasticsearch", 21)
ES8 = Release("elasticsearch8_pom", "elasticsearch-*", 17)
"""It lacks painless, reindex and the ingest processors."""


def _unpack(pom: Path, cache: Path, done: Path) -> None:
    maven = toolchain.program("mvn", "install Maven, or set DMS_EVENTS_TEST_ELASTICSEARCH_URL")
    workshop = Path(tempfile.mkdtemp(dir=cache))
    try:
        ran = subprocess.run(
            [maven, "-B", "-q", "-f", pom, "generate-resources", f"-Dunpack.dir={workshop}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            pytest.fail(f"Maven could not fetch Elasticsearch:\n{ran.stdout}", pytrace=False)
        _open_to_all(workshop)
        workshop.rename(done)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _open_to_all(top: Path) -> None:
    """The server may run as another user than the one that fetched it."""
    for path in (top, *top.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
