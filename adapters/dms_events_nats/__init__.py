"""NATS for dms-events: JetStream by default, core NATS with ``durable=False``."""

from dms_events.errors import ExtraNotInstalledError

try:
    import nats as _nats  # noqa: F401
except ImportError as error:
    raise ExtraNotInstalledError("nats", "NATS") from error

from .manage import apply_setup, check_setup
from .monitoring import SyncPolicy, read_sync_policy
from .server import NatsServer
from .setup import Difference, DurableSetup, EventsSetup, NatsSetup, StreamSetup
from .transport import NatsTransport

__all__ = [
    "Difference",
    "DurableSetup",
    "EventsSetup",
    "NatsServer",
    "NatsSetup",
    "NatsTransport",
    "StreamSetup",
    "SyncPolicy",
    "apply_setup",
    "check_setup",
    "read_sync_policy",
]
