"""Look at a consumer now and then, and log changes made under its reader."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from dms_events.errors import TransportError

from ..setup.fit import unfit_consumer
from ..subjects import filters_of

__all__ = ["ConsumerWatch"]

_log = logging.getLogger("dms_events")


class ConsumerWatch:
    """Compares a durable with its earlier state, and warns once of each change.

    Args:
        ask: returns the server's information on the consumer, as JetStream's API gives it.
        stream: the name of its stream.
        durable: the name of the durable.
        filters: the filter subjects that it should have.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[dict[str, Any]]],
        stream: str,
        durable: str,
        filters: Sequence[str],
    ) -> None:
        self._ask = ask
        self._stream = stream
        self._durable = durable
        self._filters = sorted(filters)
        self._reads = self._filters
        self._paused = False
        self._created = ""

    async def look(self) -> None:
        """Ask once, and log the changes.

        Raises:
            NotThereError: the consumer does not exist any more.
            TransportError: the consumer was edited so that it loses or mutilates messages, or the
                server does not answer.
        """
        info = await self._ask()
        config = info["config"]
        if unfit := unfit_consumer(config):
            raise TransportError(
                f"the durable {self._durable!r} was edited and has {unfit} now, which would lose "
                "messages. Edit it back, and start the readers again"
            )
        created, self._created = self._created, info["created"]
        if created not in ("", self._created):
            _log.warning(
                "the durable %s was deleted and made again, and begins at its new start: events that "
                "were handled before may be delivered again, and events before that start are not "
                "delivered",
                self._durable,
            )
        reads = sorted(filters_of(config))
        if reads not in (self._reads, self._filters):
            _log.warning(
                "the durable %s was edited and reads %s now; its readers want %s. Edit it back "
                "(nats consumer edit %s %s), or stop the readers and choose another durable name",
                self._durable,
                ", ".join(reads),
                ", ".join(self._filters),
                self._stream,
                self._durable,
            )
        self._reads = reads
        paused = bool(info.get("paused"))
        if paused and not self._paused:
            _log.warning(
                "the durable %s is paused for %.0f s more, and delivers no events until then. To resume "
                "it: nats consumer resume %s %s",
                self._durable,
                info.get("pause_remaining", 0) / 1e9,
                self._stream,
                self._durable,
            )
        self._paused = paused
