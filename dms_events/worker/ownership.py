"""Ownership of partitions: does a message in hand still belong to this worker?"""

from __future__ import annotations

from typing import Any

from ..bus import Subscription
from .settlement import InFlight

__all__ = ["still_owned"]


async def still_owned(subscription: Subscription[Any], entry: InFlight) -> bool:
    """True if one of the entry's deliveries is still owned here; that one becomes its message.

    Waits while the ownership is in doubt.
    """
    for message in (entry.message, *entry.redeliveries):
        if await subscription.still_owned(message):
            entry.message = message
            entry.redeliveries = tuple(
                other for other in entry.redeliveries if other is not message
            )
            return True
    return False
