"""Three nats-servers on loopback that hold every stream three times."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, cast

import nats
import nats.errors
from nats.js.api import ClusterInfo

from dms_events_nats import NatsServer

__all__ = ["NatsCluster", "nats_cluster"]

_READY_S = 60.0


class NatsCluster:
    """The three, by name."""

    def __init__(self, store: Path) -> None:
        ports = iter(_free_ports(9))
        clients, routes, monitors = ({f"n{n}": next(ports) for n in (1, 2, 3)} for _ in range(3))
        self._monitors = monitors
        known = ", ".join(f"nats://127.0.0.1:{port}" for port in routes.values())
        self.nodes = {
            name: NatsServer(
                store / name,
                port=clients[name],
                config=f"server_name: {name}\nhttp: 127.0.0.1:{monitors[name]}\n"
                f"cluster {{ name: three, listen: 127.0.0.1:{routes[name]}, routes: [{known}] }}",
            )
            for name in clients
        }

    @property
    def url(self) -> str:
        """All of them, as `connect` takes them."""
        return ",".join(node.url for node in self.nodes.values())

    async def ready(self, without: str = "") -> None:
        """Return when they agree on a leader and each says that it is healthy: what it holds is current.

        ``without`` is the one that is dead: the others are asked, and it is not the leader.
        """
        living = self.nodes.keys() - {without}

        async def healthy() -> bool:
            leaders = set()
            for name in living:
                jetstream = await self._asked(name, "jsz")
                health = await self._asked(name, "healthz")
                leaders.add(jetstream.get("meta_cluster", {}).get("leader"))
                if health.get("status") != "ok":
                    return False
            return len(leaders) == 1 and leaders <= living

        await _until(healthy, "the cluster is healthy")

    async def leader(self, stream: str, durable: str = "") -> str:
        """The node that leads a stream, or a durable of it, as soon as there is one."""
        found = ""

        async def led() -> bool:
            nonlocal found
            info = await self._about(stream, durable)
            found = (info.leader if info else None) or ""
            return bool(found)

        await _until(led, f"{stream} {durable} has a leader")
        return found

    async def caught_up(self, stream: str, durable: str = "") -> None:
        """Return when all three hold a stream, or a durable of it, and none lags behind."""

        async def current() -> bool:
            info = await self._about(stream, durable)
            replicas = (info.replicas or []) if info and info.leader else []
            return len(replicas) == 2 and all(r.current and not r.offline for r in replicas)

        await _until(current, f"the replicas of {stream} {durable} are current")

    async def _about(self, stream: str, durable: str) -> ClusterInfo | None:
        try:
            client = await nats.connect([n.url for n in self.nodes.values()], connect_timeout=2)
            try:
                manager = client.jsm()
                if durable:
                    about = (await manager.consumer_info(stream, durable, timeout=2)).cluster
                else:
                    about = (await manager.stream_info(stream)).cluster
                return cast(ClusterInfo | None, about)
            finally:
                await client.close()
        except (nats.errors.Error, OSError):
            return None

    async def _asked(self, name: str, what: str) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            url = f"http://127.0.0.1:{self._monitors[name]}/{what}"
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    return dict(json.load(answer))
            except (urllib.error.URLError, OSError, ValueError):
                return {}

        return await asyncio.to_thread(ask)


@asynccontextmanager
async def nats_cluster(store: Path) -> AsyncIterator[NatsCluster]:
    """A healthy cluster with its files in ``store``."""
    cluster = NatsCluster(store)
    async with AsyncExitStack() as stack:
        for node in cluster.nodes.values():
            await stack.enter_async_context(node)
        await cluster.ready()
        yield cluster


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has; they differ, because all are held until the last is chosen."""
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + _READY_S
    while not await condition():
        assert time.monotonic() < deadline, f"not within {_READY_S:g} s: {what}"
        await asyncio.sleep(0.05)
