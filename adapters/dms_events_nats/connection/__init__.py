"""The connection to NATS: opened, watched, renewed, and safe from hostile bytes and foreign replies."""

from .asking import (
    AskingClient,
    AwayError,
    Denial,
    NotPermittedError,
    Reply,
    denial_in,
    no_responders,
)
from .credentials import Credentials
from .denials import DenialLog
from .direct import DirectClient, read_headers
from .link import LinkClient
from .opening import Attempts

__all__ = [
    "AskingClient",
    "Attempts",
    "AwayError",
    "Credentials",
    "Denial",
    "DenialLog",
    "DirectClient",
    "LinkClient",
    "NotPermittedError",
    "Reply",
    "denial_in",
    "no_responders",
    "read_headers",
]
