"""Every error that dms-events raises on purpose.

    DmsEventsError
    ├── EncodeError             .type .field .reason
    ├── DecodeError             .type .path .reason .payload
    ├── UnknownTypeError        .name
    ├── ConfigError             .setting .reason
    ├── ExtraNotInstalledError  .extra
    ├── EncryptError            .reason
    ├── DecryptError            .reason; a ValueError too
    │   └── NoMatchingKeyError
    ├── TransportError
    │   ├── ConnectionLostError
    │   ├── PublishError        .unacknowledged .accepted .refused_for_good
    │   ├── DroppedError        .count; passed to `on_error`
    │   └── RequestError        .type_name .reason
    │       ├── NoResponderError
    │       ├── RequestTimeoutError
    │       ├── BadReplyError
    │       └── ResponderError  .code
    ├── ReplayError             .letter .reason
    ├── SinkError
    │   └── SinkBrokenError
    ├── HandlerError
    └── Reject                  raised by a handler that wants no other attempt

No vendor's exception crosses the library's edge: adapters translate theirs into these and keep the
original as ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "BadReplyError",
    "ConfigError",
    "ConnectionLostError",
    "DecodeError",
    "DecryptError",
    "DmsEventsError",
    "DroppedError",
    "EncodeError",
    "EncryptError",
    "ExtraNotInstalledError",
    "HandlerError",
    "NoMatchingKeyError",
    "NoResponderError",
    "PublishError",
    "Reject",
    "ReplayError",
    "RequestError",
    "RequestTimeoutError",
    "ResponderError",
    "SinkBrokenError",
    "SinkError",
    "TransportError",
    "UnknownTypeError",
]


class DmsEventsError(Exception):
    """Base of all errors of this library."""


class EncodeError(DmsEventsError):
    """Go could not read this value, so it was not sent."""

    def __init__(self, type: str, field: str, reason: str) -> None:
        super().__init__(type, field, reason)
        self.type = type
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        place = f"{self.type}: {self.field}" if self.field else self.type
        return f"{place}: {self.reason}"


class DecodeError(DmsEventsError):
    """The bytes do not fit their type. ``payload`` holds the bytes; the error's text does not."""

    def __init__(self, type: str, path: str, reason: str, payload: bytes) -> None:
        super().__init__(type, path, reason)
        self.type = type
        self.path = path
        self.reason = reason
        self.payload = payload

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.type, self.path, self.reason, self.payload)

    def __str__(self) -> str:
        place = f"{self.type}: {self.path}" if self.path else self.type
        return f"{place}: {self.reason}"


class UnknownTypeError(DmsEventsError):
    """The registry does not have this type name, or the name has no module and is not unique."""

    def __init__(self, name: str, hint: str = "`dms-events types` lists them") -> None:
        super().__init__(name, hint)
        self.name = name
        self.hint = hint

    def __str__(self) -> str:
        return f"unknown type {self.name!r}: {self.hint}"


class ConfigError(DmsEventsError):
    """A setting cannot work as given; ``reason`` says why, or what would work."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(setting, reason)
        self.setting = setting
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.setting}: {self.reason}"


class ExtraNotInstalledError(DmsEventsError):
    """An optional dependency is missing; the message is the command that installs it."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(extra, what)
        self.extra = extra
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} needs an extra: pip install 'dms-events[{self.extra}]'"


class EncryptError(DmsEventsError):
    """The data cannot be encrypted as it is; nothing was made."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DecryptError(DmsEventsError, ValueError):
    """The data was not encrypted, was changed or cut since, or is no whole archive; nothing was made."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoMatchingKeyError(DecryptError):
    """The data was encrypted, but not for any of the keys at hand."""


class TransportError(DmsEventsError):
    """The broker or the way to it failed."""


class ConnectionLostError(TransportError):
    """There is no connection, or it was closed while a call waited for it."""


class PublishError(TransportError):
    """One or more events were not accepted, or their acceptance is not known.

    ``unacknowledged`` holds these events of the call, in the order in which they were given;
    ``accepted`` is the number of accepted events. Publishing the same `OutgoingMessage` again is
    safe: it keeps its identity.

    ``refused_for_good`` holds those of ``unacknowledged`` that would be refused again, since the event
    itself is at fault: too large, without a subject, not permitted, or over the limit of its subject.
    """

    def __init__(
        self,
        reason: str,
        unacknowledged: Sequence[Any] = (),
        accepted: int = 0,
        refused_for_good: Sequence[Any] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unacknowledged = unacknowledged
        self.accepted = accepted
        self.refused_for_good = refused_for_good

    @classmethod
    def behind(cls, error: BaseException) -> PublishError | None:
        """Return the error that says which events a cancelled publish left open.

        ``error`` is the `asyncio.CancelledError` of a cancelled publish, or the `TimeoutError` that
        `asyncio.timeout` or `asyncio.wait_for` made of it. Returns None if no publish was cut off.

            try:
                async with asyncio.timeout(5):
                    await bus.publish_many(events)
            except TimeoutError as error:
                if cut := PublishError.behind(error):
                    events = cut.unacknowledged
        """
        found: BaseException | None = error
        while found is not None and not isinstance(found, cls):
            found = found.__cause__
        return found


class DroppedError(TransportError):
    """A reader had no room for ``count`` messages, which are lost. Never raised: `on_error` gets it.

    ``transport`` is the name of the transport, which does not keep messages.
    """

    def __init__(self, count: int, transport: str) -> None:
        super().__init__(count, transport)
        self.count = count
        self.transport = transport

    def __str__(self) -> str:
        return (
            f"{self.count} messages were dropped: the reader was too slow, and {self.transport} stores "
            "nothing; read faster, or with a durable over JetStream"
        )


class RequestError(TransportError):
    """A request got no answer of the expected type. ``type_name`` is the type of the request."""

    def __init__(self, type_name: str, reason: str) -> None:
        super().__init__(type_name, reason)
        self.type_name = type_name
        self.reason = reason

    def __str__(self) -> str:
        return f"request {self.type_name}: {self.reason}"


class NoResponderError(RequestError):
    """Nobody answers requests of this type, or the peer that was asked does not."""


class RequestTimeoutError(RequestError):
    """No answer came in time. Whether the request was handled is not known."""


class BadReplyError(RequestError):
    """The answer is no envelope, is of another type, or cannot be read."""


class ResponderError(RequestError):
    """The responder answered with an error. It chose ``code`` and ``reason`` (docs/requests.md)."""

    def __init__(self, type_name: str, code: str, reason: str) -> None:
        super().__init__(type_name, reason)
        self.code = code
        self.args = (type_name, code, reason)

    def __str__(self) -> str:
        return f"request {self.type_name}: the responder says {self.code}: {self.reason}"


class ReplayError(DmsEventsError):
    """A dead letter cannot be published again; nothing was sent, and the letter is where it was.

    ``letter`` is the number of the dead letter.
    """

    def __init__(self, letter: int, reason: str) -> None:
        super().__init__(letter, reason)
        self.letter = letter
        self.reason = reason

    def __str__(self) -> str:
        return f"dead letter {self.letter} cannot be replayed: {self.reason}"


class SinkError(DmsEventsError):
    """A sink could not take a batch at all; nothing is known to be stored."""


class SinkBrokenError(SinkError):
    """A sink will not take any batch until somebody mends it: trying again is pointless."""


class HandlerError(DmsEventsError):
    """A message failed for another reason than an `Exception` of its handler, such as a timeout."""


class Reject(DmsEventsError):
    """Raise it in a handler: the message becomes a dead letter at once, with this reason.

    In the handler of a request: the requester is told this reason.
    """
