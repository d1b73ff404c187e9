"""A Go peer on gossip (`tests/interop/libp2p`): built once, then run for each test."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.kit.paths import TESTS

from .build import build_go

__all__ = ["SOURCE", "GoNode", "build"]

SOURCE = TESTS / "interop" / "libp2p"
_PATIENCE_S = 60

Event = dict[str, Any]


def build() -> Path:
    """The compiled program."""
    return build_go(SOURCE)


class GoNode:
    """One run of the program."""

    def __init__(
        self, process: asyncio.subprocess.Process, on_event: Callable[[Event], object]
    ) -> None:
        self._process = process
        self._on_event = on_event
        self._events: list[Event] = []
        self._changed = asyncio.Condition()
        self.peer = self.address = self.key = ""

    @classmethod
    @asynccontextmanager
    async def run(
        cls, binary: Path, on_event: Callable[[Event], object] = lambda event: None, /, **flags: str
    ) -> AsyncIterator[GoNode]:
        """Start it, and end it afterwards; ``on_event`` is called with all that it says."""
        pipe = asyncio.subprocess.PIPE
        words = [f"-{name.replace('_', '-')}={value}" for name, value in flags.items()]
        process = await asyncio.create_subprocess_exec(binary, *words, stdin=pipe, stdout=pipe)
        node = cls(process, on_event)
        reading = asyncio.create_task(node._read())
        try:
            [ready] = await node.wait("ready", 1)
            node.peer, node.address, node.key = ready["peer"], ready["addr"], ready["key"]
            yield node
        finally:
            node.thaw()
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            event = json.loads(line)
            self._on_event(event)
            async with self._changed:
                self._events.append(event)
                self._changed.notify_all()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What it said of this kind so far."""
        return [event for event in self._events if event["event"] == kind]

    async def wait(
        self, kind: str, count: int, which: Callable[[dict[str, Any]], bool] = lambda event: True
    ) -> list[dict[str, Any]]:
        """The first ``count`` of this kind, as soon as they are there."""

        def found() -> list[dict[str, Any]]:
            return [event for event in self.of(kind) if which(event)]

        async with asyncio.timeout(_PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(found()) >= count)
        return found()[:count]

    def publish(self, line: object) -> None:
        """A number of events, or ``raw …``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    def connect(self, address: str) -> None:
        """Dial a peer; it says ``connected`` or ``refused``."""
        self.publish(f"connect {address}")

    async def heard(self) -> int:
        """How many messages it heard so far."""
        asked = len(self.of("heard"))
        self.publish("count")
        return int((await self.wait("heard", asked + 1))[-1]["count"])

    def freeze(self) -> None:
        """Stop it, as a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
