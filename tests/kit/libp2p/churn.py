"""A churn run: Python nodes and Go peers publish on one topic, and are restarted in turn.

``python -m tests.kit.libp2p.churn PYTHON_NODES GO_PEERS random|hubs SEED`` runs one, and prints the
verdict.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, Protocol

import msgspec

import dms_events
from dms_events import Bus, PublishError, codec
from dms_events.aio import cancelled
from dms_events.envelope import Envelope, encode_envelope
from dms_events.types.elk_stats import ServiceCall
from dms_events_libp2p.keys.node_key import new_key
from tests.kit.go.libp2p import GoNode, build

from .churn_check import Life, Sent, Verdict, check

__all__ = ["Churn", "Topology"]

Topology = Literal["random", "hubs"]
Hear = Callable[[int], None]

_TYPE = "elk_stats.ServiceCall"
_EVERY_S = 0.2
_DEGREE = 5
_SLACK_S = 5.0
_ALL_HEAR_S = 30.0
_ROUND_S = 1.0


def _event(number: int) -> ServiceCall:
    return ServiceCall(
        call_id=float(number),
        peer_id_of_service_host="",
        service_id="",
        cpu_used=0.0,
        max_ram=0.0,
        memory_used=0.0,
        network_bw_used=0.0,
        time_taken=0.0,
        status="",
        amount_of_ntx=0,
        timestamp=0.0,
    )


class _Member(Protocol):
    """A node that comes and goes, under one key and at one address."""

    name: str
    address: str
    """Empty before its first life."""

    async def start(self, known: Sequence[str]) -> None: ...
    async def publish(self, number: int) -> None: ...
    async def stop(self) -> None: ...


class _PythonNode:
    def __init__(self, name: str, hear: Hear) -> None:
        self.name = name
        self.address = ""
        self._hear = hear
        self._key = new_key()

    async def start(self, known: Sequence[str]) -> None:
        port = self.address.split("/")[4] if self.address else "0"
        self._bus: Bus = dms_events.connect(
            f"libp2p://127.0.0.1:{port}", private_key=self._key, bootstrap_peers=known
        )
        await self._bus.open()
        [self.address] = self._bus.transport.addresses
        subscription = self._bus.subscribe(ServiceCall)
        await subscription.__aenter__()
        self._reading = asyncio.create_task(self._read(subscription))

    async def _read(self, subscription: dms_events.Subscription[ServiceCall]) -> None:
        async for message in subscription:
            self._hear(int(message.event.call_id))

    async def publish(self, number: int) -> None:
        await self._bus.publish(_event(number))

    async def stop(self) -> None:
        await cancelled(self._reading)
        await self._bus.close()


class _GoPeer:
    def __init__(self, name: str, hear: Hear, binary: Path, folder: Path) -> None:
        self.name = name
        self.address = ""
        self._hear = hear
        self._binary = binary
        self._key = str(folder / name)

    async def start(self, known: Sequence[str]) -> None:
        listen = self.address.partition("/p2p/")[0] or "/ip4/127.0.0.1/tcp/0"
        self._life = AsyncExitStack()
        run = GoNode.run(
            self._binary, self._on_event, listen=listen, key=self._key, keep=",".join(known)
        )
        self._node = await self._life.enter_async_context(run)
        self.address = self._node.address

    def _on_event(self, event: dict[str, str]) -> None:
        if event["event"] == "message":
            self._hear(int(codec.decode(event["json"].encode(), ServiceCall).call_id))

    async def publish(self, number: int) -> None:
        bare = encode_envelope(Envelope(type=_TYPE, data=codec.encode(_event(number))))
        self._node.publish(f"raw {bare.decode()}")

    async def stop(self) -> None:
        await self._life.aclose()


class Churn:
    """One run.

    Attributes:
        deaf_at_first: pairs of a node and another that it did not hear within 30 s of the last start.
        deaf_at_last: the same, within 30 s of the last restart.
        refused: publishes that were an error; the checker counts them as lost.
    """

    def __init__(
        self, binary: Path, folder: Path, pythons: int, gos: int, topology: Topology, seed: int
    ) -> None:
        self._dice = random.Random(seed)
        self._topology = topology
        self._sent: list[Sent] = []
        self._heard: defaultdict[str, set[int]] = defaultdict(set)
        self._up: dict[str, float] = {}
        self._lives: list[Life] = []
        self.refused: list[tuple[Sent, str]] = []
        python = [_PythonNode(n, self._ear(n)) for n in (f"py{i}" for i in range(pythons))]
        go = [_GoPeer(n, self._ear(n), binary, folder) for n in (f"go{i}" for i in range(gos))]
        self._hubs: list[_Member] = [python[0], go[0]]
        self.members: list[_Member] = [*self._hubs, *python[1:], *go[1:]]

    def _ear(self, name: str) -> Hear:
        return self._heard[name].add

    async def run(self, restarts: int, pause_s: float) -> Verdict:
        """Restart so many, in turn from a random one on, while all publish; and judge."""
        begin = self._dice.randrange(len(self.members))
        try:
            for member in self.members:
                await self._start(member)
            self.deaf_at_first = await self._until_all_hear()
            publishing = asyncio.create_task(self._publish())
            try:
                await asyncio.sleep(_SLACK_S)  # only what is sent after it is judged
                for number in range(begin, begin + restarts):
                    await self._restart(self.members[number % len(self.members)], pause_s)
                await asyncio.sleep(_SLACK_S)
            finally:
                await cancelled(publishing)
            end_s = time.monotonic()
            self.deaf_at_last = await self._until_all_hear()
        finally:
            for member in self.members:
                if member.name in self._up:
                    await self._stop(member)
        sent = [message for message in self._sent if message.at_s <= end_s]
        return check(sent, self._heard, self._lives, _SLACK_S)

    async def _restart(self, member: _Member, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        await self._stop(member)
        await asyncio.sleep(pause_s)
        await self._start(member)

    async def _until_all_hear(self) -> list[tuple[str, str]]:
        """Have all say something, again and again, until each heard all others; or who did not."""
        deadline_s = time.monotonic() + _ALL_HEAR_S
        deaf = {(to.name, by.name) for to in self.members for by in self.members if to is not by}
        said: list[Sent] = []
        while deaf and time.monotonic() < deadline_s:
            said += [await self._say(member) for member in self.members]
            round_s = time.monotonic() + _ROUND_S
            while deaf and time.monotonic() < round_s:
                await asyncio.sleep(0.02)  # the nodes hear in tasks of their own
                deaf -= {(to, m.by) for to, _ in deaf for m in said if m.number in self._heard[to]}
        return sorted(deaf)

    async def _publish(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                up = [member for member in self.members if member.name in self._up]
                group.create_task(self._say(self._dice.choice(up)))
                await asyncio.sleep(_EVERY_S)

    async def _say(self, member: _Member) -> Sent:
        sent = Sent(len(self._sent), member.name, time.monotonic())
        self._sent.append(sent)
        try:
            await member.publish(sent.number)
        except PublishError as error:
            self.refused.append((sent, str(error)))
        return sent

    async def _start(self, member: _Member) -> None:
        others = self._hubs if self._topology == "hubs" else self.members
        known = [other.address for other in others if other is not member and other.address]
        await member.start(self._dice.sample(known, min(_DEGREE, len(known))))
        self._up[member.name] = time.monotonic()

    async def _stop(self, member: _Member) -> None:
        self._lives.append(Life(member.name, self._up.pop(member.name), time.monotonic()))
        await member.stop()


async def main(pythons: int, gos: int, topology: Topology, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dms-events-churn-") as folder:
        churn = Churn(build(), Path(folder), pythons, gos, topology, seed)
        verdict = await churn.run(pythons + gos, 1.5)
        print(f"{verdict.share:.3%} of {verdict.wanted} arrived; lost: {verdict.lost}")
        print(f"refused: {churn.refused}")
        print(f"deaf at first: {churn.deaf_at_first}, at last: {churn.deaf_at_last}")


if __name__ == "__main__":
    python_nodes, go_peers, kind, number = sys.argv[1:]
    topology = msgspec.convert(kind, Topology)
    asyncio.run(main(int(python_nodes), int(go_peers), topology, int(number)))
