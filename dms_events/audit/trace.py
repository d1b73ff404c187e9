"""Where one event is now: in the stream, at the durable of a sink, in the dead letters, in the sink."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from contextlib import aclosing

import msgspec

from ..bus import Bus
from ..dead_letters import DeadLetter
from ..identity import id_of_document
from ..sink import Inventory, StoredDocument
from ..transport import DurablePosition, SupportsPosition, needed
from .stream import StreamReading, is_for_another

__all__ = ["Sighting", "State", "Trace", "trace"]


class State(enum.Enum):
    """How far a durable has come with a message."""

    NO_DURABLE = "no_durable"
    FOR_ANOTHER = "for_another"
    """The message is a replay for another reader, so the durable passes over it."""
    WAITING = "waiting"
    UNSETTLED = "unsettled"
    """It was delivered. While any message of the durable is unsettled, this one may be."""
    SETTLED = "settled"


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the event."""

    sequence: int
    stored_ns: int
    type_name: str
    source: str
    """By the transport's own word; may be empty."""
    event_id: str
    document_id: str
    state: State


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """All that is there of an event."""

    messages: list[Sighting]
    letters: list[DeadLetter]
    documents: list[StoredDocument]

    @property
    def found(self) -> bool:
        """True if there is anything."""
        return bool(self.messages or self.letters or self.documents)


async def trace(
    bus: Bus,
    inventory: Inventory,
    id: str,
    *,
    durable: str,
    patterns: Sequence[str],
    progress: Callable[[str], object] = lambda text: None,
) -> Trace:
    """Look for an event everywhere.

    No broker finds a message by its id, so the messages of the types are read from the first to the last.

    Args:
        id: ID of the event, or id of its document.
        durable: the durable of the sink.
        patterns: types, or patterns of types, in which the event is looked for.
        progress: called with a text now and then.

    Raises:
        SinkError: the sink cannot be read.
        TransportError: the stream cannot be read.
        ConfigError: the transport stores nothing, or tells no positions.
    """
    positions = needed(bus.transport, SupportsPosition)
    last = (await positions.position(durable)).last
    found = []
    async with aclosing(StreamReading(bus, patterns, last).batches()) as batches:
        async for messages in batches:
            for message in messages:
                document_id = id_of_document(message.transport_source, message.id)
                if id in (message.id, document_id):
                    found.append((message, document_id))
            progress(f"message {messages[-1].sequence:,} of {last:,}")
    position = (await positions.position(durable)).durable
    sightings = [
        Sighting(
            sequence=message.sequence,
            stored_ns=message.stored_ns,
            type_name=message.type_name,
            source=message.transport_source,
            event_id=_plain(message.id),
            document_id=_plain(document_id),
            state=State.FOR_ANOTHER
            if is_for_another(message, durable)
            else _state(position, message.sequence),
        )
        for message, document_id in found
    ]
    letters = [
        letter
        for event_id in {id, *(each.event_id for each in sightings)}
        async for letter in bus.dead_letters.find(id=event_id)
    ]
    documents = await inventory.find({_plain(id), *(each.document_id for each in sightings)})
    return Trace(messages=sightings, letters=letters, documents=documents)


def _plain(id: str) -> str:
    """Return an id as text that every store and every output takes: it may have a lone surrogate."""
    return id.encode(errors="backslashreplace").decode()


def _state(position: DurablePosition | None, sequence: int) -> State:
    if position is None:
        return State.NO_DURABLE
    if sequence > position.delivered:
        return State.WAITING
    if sequence > position.settled and position.unsettled:
        return State.UNSETTLED
    return State.SETTLED
