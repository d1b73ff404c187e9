"""The classes of tests that implementers inherit from."""

from __future__ import annotations

from .arriving import Arriving
from .asking import Asking
from .discarding import Discarding
from .durables import Durables
from .full import Full
from .publishing import Publishing
from .reading import Reading
from .responding import Responding
from .settling import Settling
from .sources import Sources
from .stored import Storing

__all__ = ["EventsContract", "RequestsContract", "TransportContract"]


class EventsContract(
    Arriving, Publishing, Full, Reading, Settling, Durables, Storing, Sources, Discarding
):
    """All that a transport promises about events."""


class RequestsContract(Asking, Responding):
    """All that a transport promises about requests, if it has any."""


class TransportContract(EventsContract, RequestsContract):
    """The whole suite."""
