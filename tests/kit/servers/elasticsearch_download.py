"""The unpacked tree of an Elasticsearch server, and the JDK to run it with."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.kit.go import toolchain

__all__ = ["jdk", "tree"]

_POM = Path(__file__).with_name("elasticsearch_pom") / "pom.xml"
_JAVA = 21


def jdk() -> Path:
    """The home of the first JDK that is new enough."""
    named = os.environ.get("JAVA_HOME")
    for home in ([Path(named)] if named else []) + sorted(Path("/usr/lib/jvm").glob("*")):
        release = home / "release"
        if (home / "bin/java").exists() and release.exists():
            version = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE)
            if version and int(version[1]) >= _JAVA:
                return home
    toolchain.missing(f"a JDK {_JAVA} or newer", "install one, or set JAVA_HOME")
    raise AssertionError("unreachable")


def tree() -> Path:
    """The unpacked server, from the cache where this version was unpacked before."""
    cache = toolchain.cache_dir("elasticsearch")
    done = cache / hashlib.sha256(_POM.read_bytes()).hexdigest()[:16]
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _unpack(cache, done)
    return next(done.glob("sonarqube-*/elasticsearch"))


def _unpack(cache: Path, done: Path) -> None:
    maven = toolchain.program("mvn", "install Maven, or set DMS_EVENTS_TEST_ELASTICSEARCH_URL")
    workshop = Path(tempfile.mkdtemp(dir=cache))
    try:
        ran = subprocess.run(
            [maven, "-B", "-q", "-f", _POM, "generate-resources", f"-Dunpack.dir={workshop}"],
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
