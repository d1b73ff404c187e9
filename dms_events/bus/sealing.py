"""Sealing: an event is encoded and put into its envelope with identity, source and time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice

import msgspec

from .. import codec, registry
from ..envelope import WRITERS, Encoding, Envelope, encode_envelope
from ..errors import ConfigError, EncodeError, UnknownTypeError
from ..identity import new_id, now_rfc3339
from ..transport import Channel, OutgoingMessage

__all__ = ["Event", "Outgoing", "Sealer", "time_text"]

Event = msgspec.Struct | OutgoingMessage
"""Both stand for an event; the latter is sealed already."""

_AHEAD = 64


def time_text(time: datetime | str) -> str:
    """A time as an envelope has it: RFC 3339; an empty text is now.

    Raises:
        ConfigError: a datetime has no time zone.
    """
    if isinstance(time, str):
        return time or now_rfc3339()
    if time.tzinfo is None:
        raise ConfigError("time", f"{time.isoformat()} has no time zone; use an aware datetime")
    return time.isoformat().replace("+00:00", "Z")


class Sealer:
    """Seals events of one source in one encoding.

    Its methods raise EncodeError where Go could not read the event, and UnknownTypeError where it is
    not of a DMS type.
    """

    def __init__(self, source: str, encoding: Encoding) -> None:
        self.source = source
        self.encoding = encoding
        self.names: dict[type, str] = {}
        """Of the types that were sealed before."""

    def prepared(self, event: Event) -> OutgoingMessage:
        """An event with a new identity and the present time; as it is where it is sealed already."""
        if isinstance(event, OutgoingMessage):
            return event
        return self.seal(event, new_id(), self.source, now_rfc3339())

    def seal(
        self,
        event: msgspec.Struct,
        id: str,
        source: str,
        time: str,
        trace_parent: str = "",
        channel: Channel = "events",
    ) -> OutgoingMessage:
        """An event in its envelope."""
        envelope = Envelope(
            type=self.names.get(event.__class__) or self._name(event),
            data=codec.encode(event),
            id=id,
            source=source,
            time=time,
            trace_parent=trace_parent,
        )
        data = encode_envelope(envelope, self.encoding)
        return OutgoingMessage(channel, envelope.type, source, id, data)

    def _name(self, event: msgspec.Struct) -> str:
        if isinstance(event, type):
            raise UnknownTypeError(event.__name__, "send an event of it, not the class")
        name = self.names[event.__class__] = registry.name_of(event.__class__)
        return name


class Outgoing:
    """The events of one call on their way: taken, put in envelopes, and encoded, some at a time.

    A processor does one thing for many events in less time than many things for each. So what
    `Sealer.prepared` does stands here in two loops, which call nothing that they need not.
    """

    def __init__(self, sealer: Sealer, events: Iterator[Event]) -> None:
        self._sealer = sealer
        self._events = events
        self._ahead: Iterator[OutgoingMessage] = iter(())
        self._bad: list[Event] = []

    def __iter__(self) -> Iterator[OutgoingMessage]:
        """Sealed events, then the error of what kept the next one from being taken or sealed."""
        return chain.from_iterable(self._some())

    def unsent(self) -> list[Event]:
        """What was taken and not given on; an event as it is where it cannot be sealed."""
        return [*self._ahead, *self._bad]

    def untaken(self) -> list[Event]:
        """Events not taken yet, as they are."""
        return list(self._events)

    def rest(self) -> Iterator[Event]:
        """Events not taken yet, sealed; one that cannot be sealed is yielded unchanged."""
        for event in self._events:
            try:
                yield self._sealer.prepared(event)
            except (EncodeError, UnknownTypeError):
                yield event

    def _some(self) -> Iterator[Iterator[OutgoingMessage]]:
        write = WRITERS[self._sealer.encoding]
        failure: Exception | None = None
        while failure is None:
            enveloped: list[Envelope | OutgoingMessage] = []
            try:
                self._envelop(enveloped)
            except Exception as error:  # noqa: BLE001
                failure = error
            if not enveloped:
                break
            self._ahead = iter(
                [
                    OutgoingMessage("events", e.type, e.source, e.id, write(e))
                    if isinstance(e, Envelope)
                    else e
                    for e in enveloped
                ]
            )
            yield self._ahead
        if failure is not None:
            raise failure

    def _envelop(self, enveloped: list[Envelope | OutgoingMessage]) -> None:
        """Into the list, which has those before where one fails."""
        name_of, source = self._sealer.names.get, self._sealer.source
        for event in islice(self._events, _AHEAD):
            try:
                if (name := name_of(event.__class__)) is None:
                    enveloped.append(self._sealer.prepared(event))
                    continue
                data, id = codec.encode(event), new_id()
                enveloped.append(
                    Envelope(type=name, data=data, id=id, source=source, time=now_rfc3339())
                )
            except (EncodeError, UnknownTypeError):
                self._bad.append(event)
                raise
