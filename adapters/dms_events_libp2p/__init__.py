"""libp2p for dms-events: events between nodes, with no broker."""

from dms_events.errors import ExtraNotInstalledError

try:
    import libp2p as _libp2p  # noqa: F401
except ImportError as error:
    raise ExtraNotInstalledError("libp2p", "libp2p") from error

from .keys import NodeIdentity, read_identity
from .options import Libp2pOptions
from .status import NodeFigures
from .transport import Libp2pTransport

__all__ = [
    "Libp2pOptions",
    "Libp2pTransport",
    "NodeFigures",
    "NodeIdentity",
    "read_identity",
]
