"""Where the contract suite runs: each transport behind one small face."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, get_args

import msgspec
import nats
from nats.aio.client import Client

from dms_events import Bus, DeadLetter, Discarded
from dms_events.envelope import Encoding
from dms_events.testing.transport_contract import TransportHarness
from dms_events.testing.transport_contract.events import (
    call,
    collect,
    event_calls,
    nothing_comes,
    payment,
    service,
    until,
)
from dms_events.transport import Guarantees, MemoryTransport, Transport
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
UNFIT = {
    "test_a_subscription_without_a_durable_gets_nothing_from_before": (
        "gossip may bring what was published a moment before"
    ),
    "test_the_envelopes_id_goes_before_the_transports": "gossip has no id beside the payload",
}
_SLOW = "it takes long over five nodes in one process, and passes on two"
UNFIT_ON_A_LINE = {
    "test_what_cannot_be_read_is_told_with_its_bytes_and_its_source": (
        "a node does not pass on bytes that are no envelope"
    ),
    "test_what_a_thousand_tasks_publish_is_there_once": _SLOW,
    "test_a_publish_that_was_cut_off_can_be_gone_on_with": _SLOW,
}


class Place(TransportHarness):
    """A transport with subjects of its own. Buses that `connect` here reach each other."""

    patience_s = 30.0

    def __init__(self, kind: Kind, url: str, root: str) -> None:
        self.kind = kind
        self.root = root
        self.url = f"memory://{root}" if kind == "memory" else url
        self._net: Any = None
        self.addressed = kind in LIBP2P
        if kind in LIBP2P:
            self.unfit = UNFIT | (UNFIT_ON_A_LINE if LIBP2P[kind] else {})
            if HAS_LIBP2P:
                from tests.contract.net import Net

                self._net = Net(root, LIBP2P[kind])

    def transport(self, **options: Any) -> Transport:
        """A transport that is not open yet."""
        if self._net:
            pair: Transport = self._net.pair("", **options)
            return pair
        if self.kind == "memory":
            return MemoryTransport(self.url, root=self.root, **options)
        options = {"durable": self.kind == "nats"} | options
        return NatsTransport(self.url, root=self.root, **options)

    def connect(
        self,
        *,
        source: str = "",
        encoding: Encoding = "json",
        aliases: Mapping[str, str] | None = None,
        on_error: Callable[[Discarded], object] | None = None,
        **options: Any,
    ) -> Bus:
        shared: Any = {"encoding": encoding, "aliases": aliases, "on_error": on_error}
        if self._net:  # gossip signs with a key of the source
            pair = self._net.pair(source, **options)
            return Bus(pair, source=self.source_of(source), **shared)
        return super().connect(source=source, **shared, **options)

    def room(
        self, *, messages: int | None = None, size: int | None = None
    ) -> dict[str, Any] | None:
        if self.guarantees.full == "error":
            limits = {"max_messages": messages, "max_bytes": size}
        else:
            limits = {"buffer_bytes" if self._net else "core_buffer_bytes": size}
        return {name: most for name, most in limits.items() if most} or None

    @property
    def guarantees(self) -> Guarantees:
        """The promises of the kind, as the design says."""
        return PROMISES[self.kind]

    def responder_of(self, bus: Bus) -> str:
        return bus.transport.far.peer_id if self._net else ""

    def source_of(self, name: str) -> str:
        return str(self._net.source_of(name)) if self._net and name else name

    async def undo(self, sequence: int) -> bool:
        """Delete an event from the stream."""
        async with self.connect() as bus:
            deleted: bool = await bus.transport.delete("events", sequence)
        return deleted

    async def put(self, data: bytes, type_name: str, *, source: str = "", id: str = "") -> None:
        if self.kind == "memory" or self._net:
            await super().put(data, type_name, source=source, id=id)
            return
        async with self.foreign() as client:
            headers = {"Nats-Msg-Id": id} if id else None
            subject = f"{self.root}.events.{type_name}.{source or '_'}"
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
