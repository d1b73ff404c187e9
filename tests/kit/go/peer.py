"""A DMS node's side in Go (`tests/interop/go`): built once, then run for each test."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.kit.paths import TESTS

from .build import build_go

__all__ = ["GoEvent", "GoPeer", "GoPeerError", "build"]

SOURCE = TESTS / "interop" / "go"


class GoEvent(msgspec.Struct, frozen=True):
    """One event as Go wrote it, or as Go read and wrote it again."""

    type: str
    subject: str
    json: str


class _Error(msgspec.Struct):
    error: str = ""


class GoPeerError(AssertionError):
    """The Go program ended with an error; the text is what it printed as such."""


def build() -> Path:
    """The compiled program."""
    return build_go(SOURCE)


class GoPeer:
    """The program, run against one server."""

    def __init__(self, binary: Path, url: str) -> None:
        self.binary = binary
        self.url = url

    async def publish(
        self, count: int, *, seed: int = 1, types: Sequence[str] = (), bare: bool = False
    ) -> list[GoEvent]:
        """Publish and wait for every ack; returns what was published, in order."""
        flags = ["-count", str(count), "-seed", str(seed)]
        if types:
            flags += ["-types", ",".join(types)]
        if bare:
            flags += ["-bare"]
        *events, last = await self._run("publish", *flags)
        assert msgspec.json.decode(last) == {"published": count}
        return [msgspec.json.decode(line, type=GoEvent) for line in events]

    async def subscribe(self, count: int, *, durable: str, timeout_s: int = 60) -> list[GoEvent]:
        """Read, unmarshal and acknowledge ``count`` events; returns them marshalled again."""
        flags = ["-count", str(count), "-durable", durable, "-timeout", f"{timeout_s}s"]
        lines = await self._run("subscribe", *flags)
        return [msgspec.json.decode(line, type=GoEvent) for line in lines]

    async def _run(self, command: str, *flags: str) -> list[bytes]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            self.binary, command, "-url", self.url, *flags, stdout=pipe, stderr=pipe
        )
        try:
            async with asyncio.timeout(120):
                out, err = await process.communicate()
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        lines = out.splitlines()
        if process.returncode:
            said = msgspec.json.decode(lines[-1], type=_Error).error if lines else ""
            raise GoPeerError(said or err.decode(errors="replace"))
        return lines
