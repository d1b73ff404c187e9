"""Keep messages alive: in-progress acks, so that the broker does not redeliver them meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..bus import Message
from ..errors import ConnectionLostError

__all__ = ["keep_alive"]


async def keep_alive(messages: Iterable[Message[Any]]) -> None:
    """Have the broker count the ack wait of each message from now.

    Without a connection nothing is sent, and the messages are delivered again.
    """
    for message in messages:
        with suppress(ConnectionLostError):
            await message.in_progress()
