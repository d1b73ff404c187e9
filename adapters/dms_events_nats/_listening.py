"""Messages of a subscription at the moment at which they are read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.subscription import Subscription

from ._delivery import NatsDelivery

__all__ = ["listen"]

M = TypeVar("M", bound=NatsDelivery)
"""The `msg_class` of the client."""

_log = logging.getLogger("dms_events")


async def listen(
    client: Client, subject: str, take: Callable[[M], None], *, queue: str = ""
) -> Subscription:
    """Subscribe, and have each message given to ``take``, which never waits.

    nats-py's own callbacks are coroutines, and cost a queue and a turn of a task for each message.
    """
    return await client.subscribe(subject, queue=queue, future=_Taker(take))


class _Taker(asyncio.Future[M]):
    """What nats-py takes for the future of a reply, and gives every message to."""

    def __init__(self, take: Callable[[M], None]) -> None:
        super().__init__()
        self._take = take

    def set_result(self, message: M) -> None:
        try:
            self._take(message)
        except Exception:  # noqa: BLE001
            # It would break the connection, on which all else depends.
            _log.exception("a message on %s was not taken", message.subject)
