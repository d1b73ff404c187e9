"""The Elasticsearch client of release 8, beside the installed one."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.kit.go import toolchain

__all__ = ["client_8"]

_PACKAGES = ("elasticsearch==8.19.3", "elastic-transport==8.19.0")


def client_8() -> Path:
    """A folder to put before all others on the path of a Python; fetched once."""
    cache = toolchain.cache_dir("elasticsearch-client")
    done = cache / "-".join(_PACKAGES)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _fetch(cache, done)
    return done


def _fetch(cache: Path, done: Path) -> None:
    pip = [uv, "pip"] if (uv := shutil.which("uv")) else [sys.executable, "-m", "pip"]
    with tempfile.TemporaryDirectory(dir=cache) as workshop:
        folder = f"{workshop}/packages"
        install = [*pip, "install", "--no-deps", "--target", folder, *_PACKAGES]
        ran = subprocess.run(install, capture_output=True, text=True, check=False)
        if ran.returncode:
            toolchain.missing("a package index with the Elasticsearch client 8.19", ran.stderr)
        Path(folder).rename(done)
