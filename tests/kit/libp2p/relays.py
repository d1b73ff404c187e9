"""Relays on the loopback address, and what they stored, read with a plain client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import nats

from dms_events import Bus, Relay, RelayTally
from dms_events.envelope import Envelope, encode_envelope
from dms_events.types.network_config import MessageEnvelope

from .buses import connect

__all__ = ["Relaying", "Stored", "bare", "named", "relaying", "stored"]


class Relaying(NamedTuple):
    """A relay that runs, and the node that hears for it."""

    relay: Relay
    node: Bus

    @property
    def tally(self) -> RelayTally:
        """Its figures."""
        return self.relay.tally


@asynccontextmanager
async def relaying(
    target: Bus, *others: Bus, wanted: Iterable[str] = ("elk_stats.*",), **options: Any
) -> AsyncIterator[Relaying]:
    """Run a relay whose node is connected to others; it ends in peace."""
    async with connect(*others, **options) as node:
        relay = Relay(node, target, wanted=wanted, drain_s=60, figures_every_s=0.05)
        running = asyncio.create_task(relay.run())
        try:
            yield Relaying(relay, node)
        finally:
            relay.stop()
            await running


class Stored(msgspec.Struct, frozen=True):
    """A stored message, in the server's own words."""

    subject: str
    id: str
    data: bytes

    @property
    def source(self) -> str:
        """The last token of the subject."""
        return self.subject.rpartition(".")[2]


async def stored(url: str, stream: str = "DMS_EVENTS") -> list[Stored]:
    """Whatever a stream holds."""
    client = await nats.connect(url)
    try:
        context = client.jetstream()
        last = (await context.stream_info(stream)).state.last_seq
        messages = [await context.get_msg(stream, number) for number in range(1, last + 1)]
    finally:
        await client.close()
    return [
        Stored(m.subject or "", (m.headers or {}).get("Nats-Msg-Id", ""), m.data or b"")
        for m in messages
    ]


def bare(event: bytes, type_name: str = "elk_stats.ServiceCall") -> bytes:
    """An envelope as Go writes it: ``{Type, Data}``."""
    return msgspec.json.encode(MessageEnvelope(type=type_name, data=event))


def named(
    event: bytes, id: str, source: str = "", type_name: str = "elk_stats.ServiceCall"
) -> bytes:
    """An envelope with an ID, and with a source that it claims."""
    return encode_envelope(Envelope(type=type_name, data=event, id=id, source=source))
