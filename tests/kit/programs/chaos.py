"""A chaos run: keyed events and partitioned workers, while server, workers and links fail by a seed.

``python -m tests.kit.programs.chaos SECONDS SEED`` runs one and prints the verdict.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import dms_events
from dms_events import Bus, OutgoingMessage, PublishError
from dms_events.aio import cancelled
from dms_events.types.elk_stats import DeviceStatusChange
from dms_events_nats import EventsSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.servers.link import Link, linked

from .chaos_check import Fault, Verdict, check, read_journal

__all__ = ["ACK_WAIT_S", "Chaos"]

ACK_WAIT_S = 3.0
LOST_AFTER_S = 1.5 * ACK_WAIT_S
_KEYS = [f"peer-{number}" for number in range(20)]
_WORKERS = 3
_EVERY_S = 0.05
_SETTLE_S = 90.0
_STORM_S = 15.0
"""Of faults without a pause, in which partitions hardly move."""


def _event(peer: str, number: int) -> DeviceStatusChange:
    return DeviceStatusChange(peer_id=peer, status=str(number), timestamp=time.time())


class _Member:
    """A worker process, and the link through which it reaches the server."""

    def __init__(self, process: asyncio.subprocess.Process, link: Link) -> None:
        self.process = process
        self.link = link
        self.busy = False
        """Something is done to it just now."""


class Chaos:
    """One run. All that is random follows from the seed, but for the order in which processes run."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._journal = folder / "journal"
        self._dice = random.Random(seed)
        self._server = NatsServer(folder / "store")
        self._members: list[_Member] = []
        self._accepted: defaultdict[str, list[float]] = defaultdict(list)
        self._stopping = False
        self.faults: list[Fault] = []
        self.broken: list[int] = []
        """Exit codes of workers that ended by themselves after they had begun to work."""

    async def run(self, seconds: float) -> Verdict:
        """Publish for so long and break things, in storms; let all be handled after each, and judge."""
        async with self._server:
            setup = NatsSetup(events=EventsSetup(partitions=8))
            await apply_setup(self._server.url, setup)
            tasks = [asyncio.create_task(self._publish())]
            tasks += [asyncio.create_task(self._keep_a_worker()) for _ in range(_WORKERS)]
            try:
                await self._until_settled(_SETTLE_S, at_least=len(_KEYS))
                end_s, storm_s = time.monotonic() + seconds, min(seconds, _STORM_S)
                while time.monotonic() < end_s:
                    await asyncio.gather(self._break_server(storm_s), self._break_workers(storm_s))
                    await self._until_settled(_SETTLE_S, at_least=self.accepted)
                self._stopping = True
                await tasks[0]
                await self._until_settled(_SETTLE_S)
            finally:
                for task in tasks:
                    await cancelled(task)
        return check(read_journal(self._journal), self._accepted, self.faults, LOST_AFTER_S)

    @property
    def accepted(self) -> int:
        """How many events the stream accepted."""
        return sum(map(len, self._accepted.values()))

    async def _until_settled(self, within_s: float, at_least: int = 0) -> None:
        """Return when everything accepted, or at least so much, is handled; or after ``within_s``."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            ends = {(x.key, x.number) for x in read_journal(self._journal) if x.word == "end"}
            if len(ends) >= (at_least or self.accepted):
                return
            await asyncio.sleep(0.25)

    async def _publish(self) -> None:
        async with dms_events.connect(self._server.url, publish_timeout_s=60) as bus:
            number = 0
            while not self._stopping:
                events = [_event(peer, number) for peer in _KEYS]
                await self._until_accepted(bus, [bus.prepare(e, source=e.peer_id) for e in events])
                for peer in _KEYS:
                    self._accepted[peer].append(time.monotonic())
                number += 1
                await asyncio.sleep(_EVERY_S)

    async def _until_accepted(self, bus: Bus, events: Sequence[OutgoingMessage]) -> None:
        while events:
            try:
                await bus.publish_many(events)
            except PublishError as error:
                events = list(error.unacknowledged)
            else:
                return

    async def _keep_a_worker(self) -> None:
        """One worker after the other, each with a link of its own."""
        while True:
            async with self._member() as member:
                code = await member.process.wait()
            if code not in (0, -signal.SIGKILL) and any(
                line.pid == member.process.pid for line in read_journal(self._journal)
            ):
                self.broken.append(code)
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def _member(self) -> AsyncIterator[_Member]:
        async with linked(self._server.url) as link:
            command = ["-m", "tests.kit.programs.chaos_worker", link.url, self._journal, ACK_WAIT_S]
            with (self._folder / "workers.log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, *map(str, command), stderr=log
                )
            member = _Member(process, link)
            self._members.append(member)
            try:
                yield member
            finally:
                self._members.remove(member)
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _break_server(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            await asyncio.sleep(self._dice.uniform(2, 5))
            kind = self._dice.choice(["stop", "kill"])
            length_s = self._dice.choice([0.5, 2.0, 2 * ACK_WAIT_S])
            begun_s = time.monotonic()
            if kind == "kill":
                await self._server.kill()
                await asyncio.sleep(length_s)
                await self._server.start()
            else:
                os.kill(self._server.pid, signal.SIGSTOP)
                try:
                    await asyncio.sleep(length_s)
                finally:
                    os.kill(self._server.pid, signal.SIGCONT)
            self.faults.append(Fault(kind, 0, begun_s, time.monotonic()))

    async def _break_workers(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            while time.monotonic() < end_s:
                await asyncio.sleep(self._dice.uniform(0.5, 2.5))
                kind = self._dice.choice(["kill", "stop", "term", "cut", "stall"])
                length_s = self._dice.choice([0.3, ACK_WAIT_S, 2 * ACK_WAIT_S])
                number = self._dice.randrange(_WORKERS)
                free = [m for m in self._members if not m.busy and m.process.returncode is None]
                if free:
                    member = free[number % len(free)]
                    group.create_task(self._break_worker(member, kind, length_s))

    async def _break_worker(self, member: _Member, kind: str, length_s: float) -> None:
        member.busy = True
        pid, begun_s = member.process.pid, time.monotonic()
        with suppress(ProcessLookupError):
            if kind == "kill":
                self.faults.append(Fault(kind, pid, begun_s, begun_s))
                member.process.kill()
                return
            if kind == "term":
                member.process.terminate()
                return
            if kind == "cut":
                member.link.cut()
            elif kind == "stall":
                member.link.stall()
                await asyncio.sleep(length_s)
                member.link.mend()
            else:
                os.kill(pid, signal.SIGSTOP)
                try:
                    await asyncio.sleep(length_s)
                finally:
                    os.kill(pid, signal.SIGCONT)
        self.faults.append(Fault(kind, pid, begun_s, time.monotonic()))
        member.busy = False


async def main(seconds: float, seed: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="dms-events-chaos-"))
    chaos = Chaos(folder, seed)
    verdict = await chaos.run(seconds)
    print(f"seed {seed}, {folder}: {chaos.accepted} accepted, {len(chaos.faults)} faults")
    print(*sorted(chaos.faults, key=lambda fault: fault.from_s), sep="\n", file=sys.stderr)
    print(verdict, "broken:", chaos.broken)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
