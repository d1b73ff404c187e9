"""NATS for dms-events: JetStream by default, core NATS with ``durable=False``."""

from dms_events.errors import ExtraNotInstalledError

try:
    import nats as _nats  # noqa: F401
except ImportError as error:
    raise ExtraNotInstalledError("nats", "NATS") from error

from ._apply import apply_setup, check_setup
from ._reconcile import Difference
from ._transport import NatsTransport
from .server import NatsServer
from .setup import DurableSetup, EventsSetup, NatsSetup, StreamSetup

__all__ = [
    "Difference",
    "DurableSetup",
    "EventsSetup",
    "NatsServer",
    "NatsSetup",
    "NatsTransport",
    "StreamSetup",
    "apply_setup",
    "check_setup",
]
