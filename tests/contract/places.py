"""Where the contract suite runs: each transport behind one small face."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar, get_args

import msgspec
import nats
from nats.aio.client import Client

import dms_events
from dms_events import Bus, DeadLetter, Message, OutgoingMessage, Subscription
from dms_events.transport import Guarantees, MemoryTransport
from dms_events.types.elk_stats import NewService, NtxPayment, ServiceCall
from dms_events_nats import NatsTransport
from tests.kit.extras import HAS_LIBP2P

__all__ = [
    "KINDS",
    "LIBP2P",
    "PROMISES",
    "Kind",
    "Place",
    "buried",
    "call",
    "collect",
    "event_calls",
    "letters",
    "nothing_comes",
    "payment",
    "service",
    "until",
]

Kind = Literal["memory", "nats", "nats-core", "libp2p", "libp2p-line"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LIBP2P: dict[Kind, int] = {"libp2p": 0, "libp2p-line": 3}
"""How many other nodes are between a publisher and a reader."""
_GOSSIP = Guarantees(
    acknowledges=False,
    durable=False,
    dedupes=True,
    full="drop",
    ordered=False,
    authenticates=True,
)
PROMISES: dict[Kind, Guarantees] = {
    "memory": Guarantees(
        acknowledges=True,
        durable=False,
        dedupes=True,
        full="error",
        ordered=True,
        authenticates=False,
    ),
    "nats": Guarantees(
        acknowledges=True,
        durable=True,
        dedupes=True,
        full="error",
        ordered=True,
        authenticates=False,
    ),
    "nats-core": Guarantees(
        acknowledges=False,
        durable=False,
        dedupes=False,
        full="drop",
        ordered=True,
        authenticates=False,
    ),
    **dict.fromkeys(LIBP2P, _GOSSIP),
}
"""What each kind promises, as the design says. The tests of a promise run on the kinds that make it."""
T = TypeVar("T", bound=msgspec.Struct)


class Place:
    """A transport with subjects of its own. Buses that `connect` here reach each other."""

    def __init__(self, kind: Kind, url: str, root: str) -> None:
        self.kind = kind
        self.root = root
        self.url = f"memory://{root}" if kind == "memory" else url
        self._net: Any = None
        if kind in LIBP2P and HAS_LIBP2P:
            from tests.contract.net import Net

            self._net = Net(root, LIBP2P[kind])

    def connect(self, **options: Any) -> Bus:
        """A bus that is not open yet."""
        if self._net:
            name = options.pop("source", "")
            shared = {
                k: options.pop(k) for k in ("encoding", "aliases", "on_error") if k in options
            }
            pair = self._net.pair(name, **options)
            return Bus(pair, source=self._net.source_of(name) if name else "", **shared)
        if self.kind == "nats-core":
            options["durable"] = False
        return dms_events.connect(self.url, root=self.root, **options)

    def transport(self, **options: Any) -> MemoryTransport | NatsTransport:
        """What a bus here stands on, for the parts of it that no bus shows; not open yet."""
        if self.kind == "memory":
            return MemoryTransport(self.url, root=self.root, **options)
        return NatsTransport(self.url, root=self.root, durable=self.kind == "nats", **options)

    @property
    def guarantees(self) -> Guarantees:
        """What a bus here promises."""
        return PROMISES[self.kind]

    def responder_of(self, bus: Bus) -> str:
        """What a request says in ``to`` that the responders of a bus are to answer."""
        return bus.transport.far.peer_id if self._net else ""

    def source_of(self, name: str) -> str:
        """The source of what a bus publishes that was connected under a name."""
        return str(self._net.source_of(name)) if self._net else name

    async def undo(self, sequence: int) -> bool:
        """Delete an event from the stream."""
        transport = self.transport()
        await transport.open()
        try:
            return await transport.delete("events", sequence)
        finally:
            await transport.close()

    async def put(self, data: bytes, type_name: str, *, source: str = "_", id: str = "") -> None:
        """Publish bytes as somebody else would, who does not use this library."""
        if self._net:
            async with self.connect(source=source) as bus:
                await bus.publish(OutgoingMessage("events", type_name, source, id, data))
            return
        if self.kind == "memory":
            async with self.connect() as bus:
                sender = "" if source == "_" else source
                await bus.publish(OutgoingMessage("events", type_name, sender, id, data))
            return
        async with self.foreign() as client:
            headers = {"Nats-Msg-Id": id} if id else None
            subject = f"{self.root}.events.{type_name}.{source}"
            await client.publish(subject, data, headers=headers)
            await client.flush()
            await client.flush()

    @asynccontextmanager
    async def foreign(self) -> AsyncIterator[Client]:
        """A plain nats-py client."""
        client = await nats.connect(self.url)
        try:
            yield client
        finally:
            await client.close()


def call(number: float = 1.0, status: str = "ok") -> ServiceCall:
    return ServiceCall(
        call_id=number,
        peer_id_of_service_host="host",
        service_id="service",
        cpu_used=1.5,
        max_ram=2.0,
        memory_used=3.25,
        network_bw_used=4.0,
        time_taken=0.5,
        status=status,
        amount_of_ntx=7,
        timestamp=1_795_460_123.5,
    )


def payment(number: float = 1.0) -> NtxPayment:
    return NtxPayment(
        call_id=number,
        service_id="service",
        amount_of_ntx=7,
        peer_id="peer",
        success_fail_status="success",
        timestamp=1_795_460_123.5,
    )


def service(name: str = "name") -> NewService:
    return NewService(
        service_id="service", service_name=name, service_description="", timestamp=1_795_460_123.5
    )


def event_calls(count: int, first: int = 0) -> list[ServiceCall]:
    """Calls with ``call_id`` 0, 1, 2, …"""
    return [call(float(n)) for n in range(first, first + count)]


async def collect(
    subscription: Subscription[T], count: int, *, ack: bool = True, within_s: float = 10.0
) -> list[Message[T]]:
    """The next ``count`` messages, acknowledged as they come."""
    messages: list[Message[T]] = []
    async with asyncio.timeout(within_s):
        while len(messages) < count:
            message = await anext(subscription)
            if ack:
                await message.ack()
            messages.append(message)
    return messages


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """Wait for a condition that nobody announces."""
    async with asyncio.timeout(within_s):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


async def nothing_comes(subscription: Subscription[T], for_s: float = 0.3) -> bool:
    return not await subscription.batch(1, for_s)


async def letters(bus: Bus, **which: Any) -> list[DeadLetter]:
    return [letter async for letter in bus.dead_letters.find(**which)]


async def buried(
    bus: Bus, wanted: type[msgspec.Struct] | str = "*", reader: str = "billing", **more: Any
) -> DeadLetter:
    """The dead letter of the next message that ``reader`` gets, and gives up."""
    error = more.pop("error", ValueError("the handler is broken"))
    async with bus.subscribe(wanted, durable=reader) as messages:
        [message] = await collect(messages, 1, ack=False)
        await bus.dead_letters.add(
            message.delivery, id=message.id, error=error, reader=reader, **more
        )
    *_, letter = await letters(bus, reader=reader)
    return letter
