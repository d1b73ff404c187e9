"""NATS for dms-events: JetStream by default, core NATS with ``durable=False``."""

from dms_events.errors import ExtraNotInstalledError

try:
    import nats as _nats  # noqa: F401
except ImportError as error:
    raise ExtraNotInstalledError("nats", "NATS") from error

from ._transport import NatsTransport
from .server import NatsServer

__all__ = ["NatsServer", "NatsTransport"]
