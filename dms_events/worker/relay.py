"""The relay: signed events that one bus hears are stored on a durable one, byte for byte."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from ..aio import until_first
from ..bus import Bus, Message, Subscription
from ..errors import ConfigError, PublishError, TransportError
from ..identity import id_of_document
from ..quiet import Quiet
from ..transport import OutgoingMessage
from .policy import RetryPolicy
from .tally import RelayTally
from .words import figures, say_figures

__all__ = ["Relay", "outgoing"]

_log = logging.getLogger("dms_events")
_BATCH: Final = 256
_BATCH_BYTES: Final = 8 << 20
_LINGER_S: Final = 0.1
_ALL: Final = 1 << 62
_BACKOFF: Final = RetryPolicy(backoff_s=0.1, backoff_max_s=2.0)


class Relay:
    """Publishes the events that one bus hears on a durable bus, with the signer as source.

    The bytes of an envelope stay unchanged. Its message id is made of the signer and the event's ID (or
    the seqno, if the event has no ID). So every relay that hears the event gives it the same id, and no
    other signer's event has that id. The target stores the event once within its duplicate window;
    readers recognize it by its identity.

    Events heard while the target is away or slow wait at the source, for as long as there is room. A
    publish that fails is tried again, until `stop`. An event that can never be stored is left out,
    counted and logged.

    A relay does not work in the other direction: it would sign the events of others with its own key.

    Args:
        source: an open bus whose transport authenticates.
        target: an open bus whose transport is durable and dedupes, and that nobody else publishes on.
        wanted: types or patterns, as for `Bus.subscribe`.
        drain_s: how long publishing the events heard before `stop` may take.
        figures_every_s: how often the figures are logged, if they have changed.

    Raises:
        ConfigError: the transport of ``source`` or ``target`` does not promise this.
        UnknownTypeError: a type or pattern names nothing.
    """

    def __init__(
        self,
        source: Bus,
        target: Bus,
        *,
        wanted: Iterable[type[msgspec.Struct] | str] = ("elk_stats.*",),
        drain_s: float = 10.0,
        figures_every_s: float = 60.0,
    ) -> None:
        if not source.guarantees.authenticates:
            reason = f"{source.where} does not prove who published an event; relay from libp2p://"
            raise ConfigError("source", reason)
        if not (target.guarantees.durable and target.guarantees.dedupes):
            reason = f"{target.where} does not keep events; relay to nats:// with JetStream"
            raise ConfigError("target", reason)
        self._target = target
        self._subscription: Subscription[Any] = source.subscribe(*wanted)
        self._drain_s = drain_s
        self._figures_s = figures_every_s
        self._stopping = asyncio.Event()
        self._pending: list[OutgoingMessage] = []
        self._why = "the target has not answered"
        self._accepted = 0
        self._duplicates_before = target.publish_counts.duplicates
        self._quiet = Quiet()
        self.tally = RelayTally()

    def stop(self) -> None:
        """Make `run` hear no more events, publish those heard before, and return."""
        self._stopping.set()

    async def run(self) -> RelayTally:
        """Relay until `stop`, and return the figures; a relay runs once.

        Raises:
            TransportError: the source has ended. The events that it had heard are published before.
            PublishError: there was no time to publish all events; ``unacknowledged`` holds the rest.
        """
        try:
            async with self._subscription as messages:
                saying = say_figures("relay", self._said, self._in_hand, self._figures_s)
                await until_first(self._relay(messages), self._end_of_drain(), saying)
                self._pending += map(outgoing, messages.take_nowait(_ALL))
        finally:
            self._count()
        if self._pending:
            late = f"events that were heard are not relayed within {self._drain_s:g} s"
            reason = f"{len(self._pending)} {late}: {self._why}"
            raise PublishError(reason, self._pending, self._accepted)
        return self.tally

    async def _end_of_drain(self) -> None:
        await self._stopping.wait()
        await asyncio.sleep(self._drain_s)

    async def _relay(self, messages: Subscription[Any]) -> None:
        ended: TransportError | None = None
        while not self._stopping.is_set():
            try:
                batch = await messages.batch(_BATCH, _LINGER_S, max_bytes=_BATCH_BYTES)
            except TransportError as error:
                ended = error
                self.stop()
            else:
                await self._publish(batch)
        await messages.pause()
        while rest := messages.take_nowait(_BATCH):
            await self._publish(rest)
        if ended is not None:
            raise ended

    async def _publish(self, messages: Sequence[Message[Any]]) -> None:
        """Publish until all events are stored, except those that can never be stored."""
        self._pending = [outgoing(message) for message in messages]
        failures = 0
        while self._pending:
            try:
                self._accepted += await self._target.publish_many(self._pending)
                self._pending = []
            except PublishError as error:
                self._keep_open(error)
                if not error.refused_for_good:
                    failures += 1
                    await self._back_off(failures, error.reason)
            except asyncio.CancelledError as cut:
                if known := PublishError.behind(cut):
                    self._keep_open(known)
                raise
        if failures:
            _log.warning("%s takes events again", self._target.where)
        self._count()

    def _keep_open(self, error: PublishError) -> None:
        """Keep the events to publish again: not stored, and not at fault themselves."""
        self._accepted += error.accepted
        bad = {message.id for message in error.refused_for_good}
        self._pending = [message for message in error.unacknowledged if message.id not in bad]
        if bad:
            self.tally.refused += len(bad)
            self._say_refused(error.reason)

    def _say_refused(self, reason: str) -> None:
        if self._quiet.over():
            _log.warning("%d events were left out so far: %s", self.tally.refused, reason)

    async def _back_off(self, failures: int, reason: str) -> None:
        self.tally.retries += 1
        self._why = reason
        self._count()
        if failures == 1:
            _log.warning("%d events wait for %s: %s", self._in_hand(), self._target.where, reason)
        await asyncio.sleep(_BACKOFF.delay_s(failures, random.random()))

    def _said(self) -> str:
        return figures(msgspec.structs.asdict(self.tally), "stored")

    def _in_hand(self) -> int:
        return len(self._pending)

    def _count(self) -> None:
        tally, heard = self.tally, self._subscription
        tally.duplicates = self._target.publish_counts.duplicates - self._duplicates_before
        tally.stored = self._accepted - tally.duplicates
        tally.undecodable = heard.undecodable
        tally.dropped = heard.dropped
        tally.differing_claims = heard.differing_claims
        tally.possibly_replayed = heard.possibly_replayed


def outgoing(message: Message[Any]) -> OutgoingMessage:
    """Return the message unchanged, with an id that is the same at each relay, and its signer's alone."""
    signer, claimed_id = message.transport_source, message.envelope.id
    # Without an ID of its own, its id is made of its signer and its seqno.
    id = id_of_document(signer, claimed_id) if claimed_id else message.id
    data = message.delivery.data
    return OutgoingMessage("events", message.type_name, signer, id, data, is_shared=True)
