"""One owned partition: what reads it, and the hold on it while messages of it may be elsewhere."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from dms_events.aio import cancelled
from dms_events.errors import TransportError

from ..client import why_ended
from ..delivery import JetStreamDelivery
from .pull import PullReceiver

__all__ = ["Outstanding", "Part"]

_log = logging.getLogger("dms_events")
_FEW = 1_000
_HOLD = 1.5
"""Ack waits after which everything that another reader had is due again and came."""
_FIRST_LOOK_S = 0.02
_MOST_ASKED = 500
_SLOW_S = 1.0


class Outstanding(NamedTuple):
    """What a consumer says of its deliveries."""

    delivered: int
    """How many it made so far: the consumer sequence of the last one."""
    unsettled: int
    """Messages that were delivered and not settled, to whichever reader."""


class Part:
    """A partition that is owned: what reads it, and what was taken of it and is not settled.

    A pull request of an earlier owner may reach the server late, out of a link or a server that stood
    still, and a delivery may be lost with its connection. Then a message is missing here that has to
    come before those at hand. So nothing is handed out while the consumer has more unsettled messages
    than are here; that is asked at the beginning, after a reconnect, and where the consumer's numbering
    has a gap. After one and a half ack waits all that was missing is here or was given back with a delay.
    """

    def __init__(
        self,
        receiver: PullReceiver,
        outstanding: Callable[[], Awaitable[Outstanding]],
        arrived: asyncio.Event,
    ) -> None:
        self.receiver = receiver
        self._arrived = arrived
        self.leaving = False
        self._outstanding = outstanding
        self._taken: list[JetStreamDelivery] = []
        self._look_at = _FEW
        self._accounted = 0
        """Of the deliveries up to this number none is missing."""
        self._connections = 0
        """How often it was connected again."""
        self._from_before: set[str] = set()
        """What was at hand at the last reconnect."""
        self._holding: asyncio.Task[None] | None = None
        self.hold()

    def pop(self) -> JetStreamDelivery | None:
        """Take the next message, unless it is held."""
        if self._holding is not None or not self.receiver.buffer:
            return None
        delivery = self.receiver.buffer[0]
        number = delivery.consumer_sequence
        if number == self._accounted + 1:
            self._accounted = number
        elif number > self._accounted and delivery.reply not in self._from_before:
            self.hold()
            return None
        self.receiver.pop()
        self._taken.append(delivery)
        if len(self._taken) > self._look_at:
            self._look_at = max(_FEW, 2 * self.unsettled)
        return delivery

    @property
    def at_hand(self) -> int:
        """How many may be taken."""
        return self.receiver.at_hand if self._holding is None else 0

    @property
    def done(self) -> bool:
        """Nothing of it is left here but what is held, which is given back."""
        return self.leaving and not self.at_hand and not self.unsettled

    @property
    def unsettled(self) -> int:
        """How many were taken and are not settled."""
        self._taken = [delivery for delivery in self._taken if not delivery.settled]
        return len(self._taken)

    def hold(self) -> None:
        """Hand out nothing until it is known that nothing is missing."""
        if self._holding is None:
            self._holding = asyncio.create_task(self._until_complete())
            self._holding.add_done_callback(self._held)

    def _held(self, holding: asyncio.Task[None]) -> None:
        if failure := why_ended(holding):
            self.receiver.fail(failure)

    def reconnected(self) -> None:
        """Deliveries and pull requests went with the old connection."""
        self.receiver.reconnected()
        # A server that was killed may number from an earlier number on; these are here all the same.
        self._connections += 1
        self._from_before = {delivery.reply for delivery in self.receiver.buffer}
        self.hold()

    async def close(self, *, give_back: bool) -> None:
        """Stop reading; give back what was not taken, or leave it to come again after the ack wait."""
        await cancelled(self._holding)
        await (self.receiver.close() if give_back else self.receiver.abandon())

    async def _until_complete(self) -> None:
        pause_s, until_s, fewest = _FIRST_LOOK_S, self._hold_until(), sys.maxsize
        while True:
            asked_s, connections = time.monotonic(), self._connections
            try:
                outstanding = await self._outstanding()
            except TransportError as error:
                _log.debug("a partition is held until its consumer answers: %s", error)
                until_s = self._hold_until()
            else:
                if time.monotonic() - asked_s > _SLOW_S:
                    until_s = (
                        self._hold_until()
                    )  # the server may have stood still, with all ack waits
                if connections != self._connections:
                    continue  # deliveries went with the connection after the server had answered
                missing = outstanding.unsettled - self._here(outstanding.delivered)
                if missing <= 0 or asked_s > until_s:
                    break
                if missing < fewest:  # they come, if slowly
                    fewest, until_s, pause_s = missing, self._hold_until(), _FIRST_LOOK_S
                self.receiver.ask_for_missing(min(missing, _MOST_ASKED))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self.receiver.ack_wait_s / 6)
        _log.debug("a partition is handed out: %d missing of %s", missing, outstanding)
        self._accounted = outstanding.delivered
        self._holding = None
        in_order = sorted(self.receiver.buffer, key=lambda delivery: delivery.sequence)
        self.receiver.buffer.clear()
        self.receiver.buffer.extend(in_order)
        self._arrived.set()

    def _hold_until(self) -> float:
        return time.monotonic() + _HOLD * self.receiver.ack_wait_s

    def _here(self, delivered: int) -> int:
        """How many messages of the first so many deliveries are here and not settled."""
        unsettled = [delivery for delivery in self._taken if not delivery.settled]
        here = (*unsettled, *self.receiver.buffer)
        return len({one.sequence for one in here if one.consumer_sequence <= delivered})
