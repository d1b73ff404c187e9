"""A plugin by which the server of the tests keeps lifecycle policies. It does not carry them out."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.kit.go import toolchain

__all__ = ["add_policies"]

_SOURCE = Path(__file__).with_name("elasticsearch_policies_plugin") / "PoliciesPlugin.java"
_NAME = "dms-test-policies"


def add_policies(home: Path, java_home: Path) -> None:
    """Add the plugin to the server in ``home``; it is compiled when it is first needed."""
    core = next((home / "lib").glob("elasticsearch-core-*.jar")).stem.removeprefix(
        "elasticsearch-core-"
    )
    key = hashlib.sha256(_SOURCE.read_bytes() + core.encode()).hexdigest()[:16]
    built = toolchain.cache_dir("elasticsearch") / f"policies-{key}"
    if not built.exists():
        _build(home, java_home, core, built)
    target = home / "plugins" / _NAME
    if not target.exists():
        shutil.copytree(built, target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def _build(home: Path, java_home: Path, release: str, built: Path) -> None:
    compiler = java_home / "bin" / "javac"
    if not compiler.exists():
        toolchain.missing(f"javac in {java_home}", "install a JDK, not only a JRE")
    with tempfile.TemporaryDirectory(dir=built.parent) as workshop:
        classes, plugin = Path(workshop, "classes"), Path(workshop, "plugin")
        plugin.mkdir()
        jars = [*(home / "lib").glob("*.jar"), *(home / "modules/x-pack-core").glob("*.jar")]
        path = ":".join(map(str, jars))
        _run(
            compiler,
            "-nowarn",
            "-proc:none",
            "--release",
            "21",
            "-cp",
            path,
            "-d",
            classes,
            _SOURCE,
        )
        _run(java_home / "bin" / "jar", "cf", plugin / f"{_NAME}.jar", "-C", classes, ".")
        described = {
            "description": "for tests",
            "version": "1",
            "name": _NAME,
            "classname": "dms.PoliciesPlugin",
            "java.version": "21",
            "elasticsearch.version": release,
            "extended.plugins": "x-pack-core",
        }
        lines = [f"{name}={value}\n" for name, value in described.items()]
        (plugin / "plugin-descriptor.properties").write_text("".join(lines))
        if not built.exists():
            plugin.rename(built)


def _run(*command: object) -> None:
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.fail(f"{command[0]} failed:\n{ran.stdout}{ran.stderr}", pytrace=False)
