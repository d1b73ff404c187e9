"""The consumer that a receiver reads: looked at now and then, and made anew if it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from dms_events.errors import ConfigError, ConnectionLostError, TransportError

from ..client import NotThereError
from ..delivery import Origin

__all__ = ["Consumer", "ConsumerSource"]

_log = logging.getLogger("dms_events")
_LOOK_S = 30.0


class ConsumerSource(NamedTuple):
    """The consumer that a receiver reads, and the calls about it.

    Each call raises `TransportError` if the server does not answer, and `NotThereError` if the consumer
    is gone.
    """

    api_subject: str
    """The subject of pull requests."""
    origin: Origin
    waiting: Callable[[], Awaitable[int]]
    """Return the number of its messages that wait or are not settled."""
    forget: Callable[[], Awaitable[None]]
    """Delete the consumer, unless it is a durable."""
    look: Callable[[], Awaitable[None]]
    """Log changes of the consumer; see `ConsumerWatch`."""
    renew: Callable[[int], Awaitable[ConsumerSource]] | None
    """Make a new consumer that begins behind a sequence; for 0, as the first did. None for a durable."""


class Consumer:
    """The consumer of a receiver. A lost durable is waited for; any other consumer is made anew."""

    def __init__(self, source: ConsumerSource, link: Callable[[], int]) -> None:
        self.source = source
        self._link = link
        """The number of the connection."""
        self._failures = 0
        """How often in a row the server did not answer about the consumer, over one connection."""
        self._failed_on = -1

    async def check(self, last: int) -> None:
        """Ask whether the consumer exists, after a silence or a refusal.

        A missing answer says nothing about the consumer if the connection was lost meanwhile.

        ``last`` is the sequence of the last message that arrived, 0 for none.

        Raises:
            TransportError: the consumer is gone for good.
        """
        link = self._link()
        try:
            await self.source.waiting()
        except NotThereError as error:
            if self.source.renew is None:
                raise
            await self._renew(self.source.renew, last, error)
        except TransportError as error:
            if link != self._link():
                return
            self._failures = self._failures + 1 if link == self._failed_on else 1
            self._failed_on = link
            if self._failures == 1:
                _log.warning("%s; nothing is read from it until it answers", error)
            elif self.source.renew is not None:
                await self._renew(self.source.renew, last, error)
        else:
            self._failures = 0

    async def watch(self, ack_wait_s: float) -> None:
        """Look at the consumer now and then. Ends with an error if it has come to lose messages."""
        while True:
            with contextlib.suppress(ConnectionLostError, NotThereError):  # `check` finds out
                await self.source.look()
            await asyncio.sleep(min(_LOOK_S, ack_wait_s / 2))

    async def _renew(
        self,
        renew: Callable[[int], Awaitable[ConsumerSource]],
        last: int,
        why: TransportError,
    ) -> None:
        try:
            self.source = await renew(last)
        except (ConfigError, NotThereError) as error:
            raise TransportError(f"the subscription ended: {error}") from error
        except TransportError as error:
            _log.debug("no new consumer is made: %s", error)
            return
        self._failures = 0
        _log.warning(
            "a reader without a durable lost its consumer (%s). It goes on with a new one, after the "
            "last message that arrived; messages that it did not acknowledge are not delivered again",
            why,
        )
