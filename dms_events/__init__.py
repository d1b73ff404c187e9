"""Typed message-bus events of NuNet's Device Management Service (DMS).

async with dms_events.connect("nats://127.0.0.1:4222", source="12D3KooW…") as bus:
    await bus.publish(ServiceCall(...))
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        async for message in messages:
            print(message.event.status, message.time)
            await message.ack()
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

from .text import escape_log

if TYPE_CHECKING:
    from .bus import Bus, Discarded, Message, Responder, Subscription
    from .codec import decode, encode
    from .dead_letters import DeadLetter
    from .envelope import Envelope
    from .errors import (
        BadReplyError,
        ConfigError,
        ConnectionLostError,
        DecodeError,
        DmsEventsError,
        DroppedError,
        EncodeError,
        ExtraNotInstalledError,
        HandlerError,
        NoResponderError,
        PublishError,
        Reject,
        ReplayError,
        RequestError,
        RequestTimeoutError,
        ResponderError,
        SinkBrokenError,
        SinkError,
        TransportError,
        UnknownTypeError,
    )
    from .transport import OutgoingMessage
    from .urls import connect, sink_for
    from .worker import Again, Dead, Done, Forwarder, Relay, RelayTally, Stats, Worker

    __version__: str

__all__ = [
    "Again",
    "BadReplyError",
    "Bus",
    "ConfigError",
    "ConnectionLostError",
    "Dead",
    "DeadLetter",
    "DecodeError",
    "Discarded",
    "DmsEventsError",
    "Done",
    "DroppedError",
    "EncodeError",
    "Envelope",
    "ExtraNotInstalledError",
    "Forwarder",
    "HandlerError",
    "Message",
    "NoResponderError",
    "OutgoingMessage",
    "PublishError",
    "Reject",
    "Relay",
    "RelayTally",
    "ReplayError",
    "RequestError",
    "RequestTimeoutError",
    "Responder",
    "ResponderError",
    "SinkBrokenError",
    "SinkError",
    "Stats",
    "Subscription",
    "TransportError",
    "UnknownTypeError",
    "Worker",
    "connect",
    "decode",
    "encode",
    "sink_for",
]

_ROOMS = {
    "bus": ("Bus", "Discarded", "Message", "Responder", "Subscription"),
    "codec": ("decode", "encode"),
    "dead_letters": ("DeadLetter",),
    "envelope": ("Envelope",),
    "transport": ("OutgoingMessage",),
    "urls": ("connect", "sink_for"),
    "worker": (
        "Again",
        "Dead",
        "Done",
        "Forwarder",
        "Relay",
        "RelayTally",
        "Stats",
        "Worker",
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

if not TYPE_CHECKING:  # else a type checker would accept every name

    def __getattr__(name: str) -> Any:
        """Return a public name. Its package is imported at the first use, so types need no bus."""
        if name == "__version__":
            from importlib.metadata import version  # a quarter of the time of `import dms_events`

            return version("dms-events")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = importlib.import_module(f".{_ROOM_OF.get(name, 'errors')}", __name__)
        value = globals()[name] = getattr(room, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


escape_log(logging.getLogger("dms_events"))
