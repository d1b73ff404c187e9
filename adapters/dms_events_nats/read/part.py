"""One owned partition: its receiver, and the hold on it while some of its messages may be elsewhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
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
"""After so many ack waits every message that another reader had was due again, and came."""
_FIRST_LOOK_S = 0.02
_MOST_ASKED = 100
_SLOW_S = 1.0


class Outstanding(NamedTuple):
    """A consumer's counts of its deliveries."""

    delivered: int
    """The number of deliveries so far: the consumer sequence of the last one."""
    last: int
    """The last stream sequence that was delivered."""
    unsettled: int
    """Messages that were delivered, to any reader, and are not settled."""


class Part:
    """An owned partition: its receiver, and its messages that were taken and are not settled.

    A pull request of an earlier owner may reach the server late, out of a link or a server that stood
    still, and a delivery may be lost with its connection. Then a message is missing here that has to
    come before those at hand. So nothing is handed out while the consumer has more unsettled messages
    than are here. The consumer is asked at the beginning, after a reconnect, and when its numbering has
    a gap. If no message has come again for one and a half ack waits, the missing messages were given
    back with a delay, and the hold ends.
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
        self._acknowledged: deque[int] = deque(maxlen=_FEW)
        """The positions of the messages acknowledged here last."""
        self._look_at = _FEW
        self._accounted = -1
        """Deliveries up to this number are accounted for; -1 until the consumer was asked."""
        self._connections = 0
        """The number of reconnects."""
        self._from_before: set[str] = set()
        """The reply subjects of the messages at hand at the last reconnect."""
        self._hold_s = _HOLD * receiver.ack_wait_s
        self._holding: asyncio.Task[None] | None = None
        self.hold()

    def pop(self) -> JetStreamDelivery | None:
        """Return the next message; None if no message is there, or while the partition is held."""
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
        """How many messages may be taken."""
        return self.receiver.at_hand if self._holding is None else 0

    @property
    def done(self) -> bool:
        """True if the partition can be handed over: only held messages are left, and are given back."""
        return self.leaving and not self.at_hand and not self.unsettled

    @property
    def unsettled(self) -> int:
        """How many messages were taken and are not settled."""
        self._let_go_of_settled()
        return len(self._taken)

    def _let_go_of_settled(self) -> None:
        taken, self._taken = self._taken, []
        for delivery in taken:
            if not delivery.settled:
                self._taken.append(delivery)
            elif not delivery.given_back:
                self._acknowledged.append(delivery.position)

    def hold(self) -> None:
        """Hand out nothing until it is known that no message is missing."""
        if self._holding is None:
            self._holding = asyncio.create_task(self._until_complete())
            self._holding.add_done_callback(self._held)

    def _held(self, holding: asyncio.Task[None]) -> None:
        if failure := why_ended(holding):
            self.receiver.fail(failure)

    def reconnected(self) -> None:
        """Hold the partition: deliveries and pull requests went with the old connection."""
        self.receiver.reconnected()
        # A server that was killed may go on from an earlier number; these messages are here all the same.
        self._connections += 1
        self._from_before = {delivery.reply for delivery in self.receiver.buffer}
        self.hold()

    async def close(self, *, give_back: bool) -> None:
        """Stop reading. Give back the messages not taken, or let them come again after the ack wait."""
        await cancelled(self._holding)
        await (self.receiver.close() if give_back else self.receiver.abandon())

    async def _until_complete(self) -> None:
        pause_s, seen, looked_s = _FIRST_LOOK_S, None, time.monotonic()
        until_s = looked_s + self._hold_s
        while True:
            connections = self._connections
            try:
                outstanding = await self._outstanding()
            except TransportError as error:
                _log.debug("a partition is held until its consumer answers: %s", error)
                seen = None
            else:
                now_s = time.monotonic()
                if connections != self._connections:
                    continue  # deliveries went with the connection after the server had answered
                self._acknowledge_again()
                if self._accounted < 0:
                    self._accounted = outstanding.delivered
                missing = max(
                    outstanding.unsettled - self._here(outstanding.last),
                    self._elsewhere(outstanding.delivered),
                )
                before, seen = seen, (missing, self._newest_redelivery(), connections)
                # The server may have stood still with all ack waits, or this process did and did not ask.
                stood_still = now_s - looked_s > pause_s + _SLOW_S
                waits_in_vain = seen == before and not stood_still
                looked_s = now_s
                if missing <= 0 or (waits_in_vain and now_s > until_s):
                    break
                if not waits_in_vain:
                    pause_s, until_s = _FIRST_LOOK_S, now_s + self._hold_s
                # Messages that are here may be due again, too, and come first.
                self.receiver.ask_for_missing(min(outstanding.unsettled, _MOST_ASKED))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self.receiver.ack_wait_s / 6)
        _log.debug("a partition is handed out: %d missing of %s", missing, outstanding)
        self._accounted = outstanding.delivered
        self._holding = None
        in_order = sorted(self.receiver.buffer, key=lambda delivery: delivery.sequence)
        self.receiver.buffer.clear()
        self.receiver.buffer.extend(in_order)
        self._arrived.set()

    def _newest_redelivery(self) -> JetStreamDelivery | None:
        return next((one for one in reversed(self.receiver.buffer) if one.attempt > 1), None)

    def _acknowledge_again(self) -> None:
        """Settle messages that came again and were acknowledged here meanwhile.

        The server does not count such a message as unsettled any more. If it counted as one that is here,
        it would hide another one that is missing.
        """
        self._let_go_of_settled()
        acknowledged = set(self._acknowledged)
        for delivery in self.receiver.buffer:
            if delivery.position in acknowledged:
                delivery.ack_soon()

    def _elsewhere(self, delivered: int) -> int:
        """How many deliveries went elsewhere since all were accounted for, and did not come again.

        A message that came again may be acknowledged late by the reader that had it before, out of a link
        that stood still. Then it would hide a missing one. Without such a message `_here` counts right.
        """
        first: dict[int, JetStreamDelivery] = {}
        for one in (*self._taken, *self.receiver.buffer):
            if not one.settled:
                first.setdefault(one.sequence, one)
        if all(one.attempt == 1 for one in first.values()):
            return 0
        numbers = {one.consumer_sequence for one in self.receiver.buffer}
        here = {number for number in numbers if self._accounted < number <= delivered}
        came = sum(one.attempt - 1 for one in first.values() if one.consumer_sequence in here)
        return delivered - self._accounted - len(here) - came

    def _here(self, last: int) -> int:
        """How many messages up to sequence ``last`` are here and not settled."""
        here = {one.sequence for one in (*self._taken, *self.receiver.buffer) if not one.settled}
        return sum(sequence <= last for sequence in here)
