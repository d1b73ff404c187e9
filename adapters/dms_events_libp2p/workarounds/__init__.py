"""Workarounds for defects of py-libp2p 0.8.1, for one node. docs/upstream.md has the reason of each.

If a text here says what py-libp2p does, it means py-libp2p without these workarounds. Nothing here
changes the library itself: classes are subclassed, and instances are patched.
"""

from .frames import BadFrameError, Frames
from .handshake import HANDSHAKE_S, guard_handshakes
from .inbound import Admission, admit
from .listening import check_free, listen_whole
from .opening import ProtocolNotSupportedError, UncutStream, open_stream
from .outbound import permit_dials
from .pubsub import GuardedPubsub
from .reasons import reason_of
from .router import open_router
from .sockets import socket_closer
from .streams import bound_bytes, guard_streams
from .tasks import hold_tasks
from .trimming import Trimming

__all__ = [
    "HANDSHAKE_S",
    "Admission",
    "BadFrameError",
    "Frames",
    "GuardedPubsub",
    "ProtocolNotSupportedError",
    "Trimming",
    "UncutStream",
    "admit",
    "bound_bytes",
    "check_free",
    "guard_handshakes",
    "guard_streams",
    "hold_tasks",
    "listen_whole",
    "open_router",
    "open_stream",
    "permit_dials",
    "reason_of",
    "socket_closer",
]
