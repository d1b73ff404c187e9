"""Typed message-bus events of NuNet's Device Management Service (DMS).

async with dms_events.connect("nats://127.0.0.1:4222", source="12D3KooW…") as bus:
    await bus.publish(ServiceCall(...))
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        async for message in messages:
            print(message.event.status, message.time)
            await message.ack()
"""

import logging

from .bus import Bus, Message, Subscription
from .codec import decode, encode
from .dead_letters import DeadLetter
from .envelope import Envelope
from .errors import (
    ConfigError,
    ConnectionLostError,
    DecodeError,
    DmsEventsError,
    EncodeError,
    ExtraNotInstalledError,
    HandlerError,
    PublishError,
    Reject,
    ReplayError,
    SinkBrokenError,
    SinkError,
    TransportError,
    UnknownTypeError,
)
from .text import escape_log
from .transport import OutgoingMessage
from .urls import connect, sink_for
from .worker import Forwarder, Tally, Worker, WorkerTally

__all__ = [
    "Bus",
    "ConfigError",
    "ConnectionLostError",
    "DeadLetter",
    "DecodeError",
    "DmsEventsError",
    "EncodeError",
    "Envelope",
    "ExtraNotInstalledError",
    "Forwarder",
    "HandlerError",
    "Message",
    "OutgoingMessage",
    "PublishError",
    "Reject",
    "ReplayError",
    "SinkBrokenError",
    "SinkError",
    "Subscription",
    "Tally",
    "TransportError",
    "UnknownTypeError",
    "Worker",
    "WorkerTally",
    "connect",
    "decode",
    "encode",
    "sink_for",
]

escape_log(logging.getLogger("dms_events"))
