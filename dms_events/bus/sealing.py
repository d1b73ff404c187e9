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
"""An event, or an event that is sealed already."""

_AHEAD = 64


def time_text(time: datetime | str) -> str:
    """Return a time as an envelope has it, in RFC 3339; for an empty text, the present time.

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

    Its methods raise EncodeError if Go could not read the event, and UnknownTypeError if the event is
    not of a DMS type.
    """

    def __init__(self, source: str, encoding: Encoding) -> None:
        self.source = source
        self.encoding = encoding
        self.names: dict[type, str] = {}
        """Registry names of the types that were sealed before."""

    def prepared(self, event: Event) -> OutgoingMessage:
        """Seal an event with a new identity and the present time; return a sealed one unchanged."""
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
        """Return an event in its envelope."""
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
    """The events of one call: taken, put in envelopes and encoded, some at a time.

    A processor is faster with one step for many events than with many steps for each event. So the
    steps of `Sealer.prepared` are repeated here in two loops, without needless calls.
    """

    def __init__(self, sealer: Sealer, events: Iterator[Event]) -> None:
        self._sealer = sealer
        self._events = events
        self._ahead: Iterator[OutgoingMessage] = iter(())
        self._bad: list[Event] = []

    def __iter__(self) -> Iterator[OutgoingMessage]:
        """Yield sealed events; raise the error of an event that cannot be taken or sealed, after them."""
        return chain.from_iterable(self._some())

    def unsent(self) -> list[Event]:
        """Return events taken and not yielded yet, sealed; one that cannot be sealed is unchanged."""
        return [*self._ahead, *self._bad]

    def untaken(self) -> list[Event]:
        """Return events not taken yet, unchanged."""
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
        """Put events into the list. If one fails, the list has the events before it."""
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
