"""Transports that break one promise each, round the memory transport, which keeps them all."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from itertools import count
from typing import Any, ClassVar, Literal

import msgspec

from dms_events import ConnectionLostError, OutgoingMessage, PublishError, RequestTimeoutError
from dms_events.errors import NoResponderError
from dms_events.testing.transport_contract import TransportHarness
from dms_events.transport import (
    Channel,
    Delivery,
    MemoryTransport,
    Receiver,
    SubscriptionSpec,
)

__all__ = ["SABOTAGES", "Sabotaged"]


class WrongDelivery(Delivery):
    """Passes on all that the library asks of a delivery."""

    def __init__(self, inner: Delivery) -> None:
        self.inner = inner

    data = property(lambda self: self.inner.data)
    stored_ns = property(lambda self: self.inner.stored_ns)
    type_name = property(lambda self: self.inner.type_name)
    source = property(lambda self: self.inner.source)
    message_id = property(lambda self: self.inner.message_id)
    sequence = property(lambda self: self.inner.sequence)
    attempt = property(lambda self: self.inner.attempt)

    async def ack(self) -> None:
        await self.inner.ack()

    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        return self.inner.nak(delay_s)

    async def in_progress(self) -> None:
        await self.inner.in_progress()


class WrongReceiver(Receiver):
    def __init__(self, inner: Receiver, delivery: type[WrongDelivery]) -> None:
        self._inner = inner
        self._delivery = delivery
        self.ack_wait_s = inner.ack_wait_s

    def pop(self) -> Delivery | None:
        taken = self._inner.pop()
        return None if taken is None else self._delivery(taken)

    async def wait(self, timeout_s: float | None) -> bool:
        return await self._inner.wait(timeout_s)

    async def backlog(self) -> int:
        return await self._inner.backlog()

    async def close(self) -> None:
        await self._inner.close()


class Wrong(MemoryTransport):
    """Breaks nothing yet."""

    delivery: ClassVar[type[WrongDelivery]] = WrongDelivery
    receiver: ClassVar[type[WrongReceiver]] = WrongReceiver

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        return self.receiver(await super().subscribe(spec), self.delivery)


class RewritesAckWaits(Wrong):
    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        receiver = await super().subscribe(spec)
        receiver.ack_wait_s = spec.ack_wait_s
        return receiver


class _EndsQuietly(WrongReceiver):
    async def wait(self, timeout_s: float | None) -> bool:
        try:
            return await super().wait(timeout_s)
        except ConnectionLostError:
            return False


class EndsQuietly(Wrong):
    receiver = _EndsQuietly


class _LostOnNak(WrongDelivery):
    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        return self.inner.ack()


class LosesOnNak(Wrong):
    delivery = _LostOnNak


class _NoDelay(WrongDelivery):
    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        return self.inner.nak(0.0)


class NaksAtOnce(Wrong):
    delivery = _NoDelay


class _NeverAcked(WrongDelivery):
    async def ack(self) -> None:
        pass


class ForgetsAcks(Wrong):
    delivery = _NeverAcked


class _AckedWhenTaken(WrongDelivery):
    def __init__(self, inner: Delivery) -> None:
        super().__init__(inner)
        inner.ack_soon()


class NeverRedelivers(Wrong):
    delivery = _AckedWhenTaken


class _AlwaysFirst(WrongDelivery):
    attempt = 1


class CountsNoAttempts(Wrong):
    delivery = _AlwaysFirst


class _NoProgress(WrongDelivery):
    async def in_progress(self) -> None:
        pass


class IgnoresProgress(Wrong):
    delivery = _NoProgress


class _Cut(WrongDelivery):
    data = property(lambda self: self.inner.data[:-1])


class CutsPayloads(Wrong):
    delivery = _Cut


class _Nobody(WrongDelivery):
    source = ""


class ForgetsSources(Wrong):
    delivery = _Nobody


class DeliversTwice(Wrong):
    async def publish(self, message: OutgoingMessage) -> None:
        await super().publish(message)
        await super().publish(msgspec.structs.replace(message, id=f"{message.id} again"))


class Reverses(Wrong):
    async def publish_many(self, messages: Iterable[OutgoingMessage]) -> int:
        return await super().publish_many(reversed(list(messages)))


class ForgetsIds(Wrong):
    published = 0

    async def publish(self, message: OutgoingMessage) -> None:
        self.published += 1
        await super().publish(msgspec.structs.replace(message, id=f"{self.published} {id(self)}"))


class SwallowsRefusals(Wrong):
    async def publish(self, message: OutgoingMessage) -> None:
        try:
            await super().publish(message)
        except PublishError:
            return


class RewritesFilters(Wrong):
    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        return await super().subscribe(msgspec.structs.replace(spec, patterns=("*",)))


class LooksOneOff(Wrong):
    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        return await super().fetch(channel, sequence + 1)


class WaitsForNobody(Wrong):
    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        try:
            return await super().request(message, to, timeout_s)
        except NoResponderError:
            raise RequestTimeoutError(message.type_name, "no answer") from None


class ClaimsToOutlive(Wrong):
    guarantees = msgspec.structs.replace(MemoryTransport.guarantees, durable=True)

    async def close(self) -> None:
        await super().close()
        self._broker.log["events"].clear()


class ClaimsToProve(Wrong):
    guarantees = msgspec.structs.replace(MemoryTransport.guarantees, authenticates=True)


class ClaimsToDrop(Wrong):
    guarantees = msgspec.structs.replace(MemoryTransport.guarantees, full="drop")


SABOTAGES: dict[type[Wrong], str] = {
    LosesOnNak: "test_nak_brings_a_message_back_at_once_and_counts",
    NaksAtOnce: "test_nak_with_a_delay_does_not_come_before_it",
    ForgetsAcks: "test_an_acknowledged_message_does_not_come_again",
    NeverRedelivers: "test_what_is_not_settled_comes_again_after_the_ack_wait",
    CountsNoAttempts: "test_nak_brings_a_message_back_at_once_and_counts",
    IgnoresProgress: "test_progress_extends_the_ack_wait",
    CutsPayloads: "test_what_is_published_arrives_as_the_same_typed_event",
    ForgetsSources: "test_the_transports_source_counts_and_a_differing_claim_is_told",
    DeliversTwice: "test_subscriptions_without_a_durable_all_get_everything",
    Reverses: "test_each_publishers_events_arrive_in_its_order",
    ForgetsIds: "test_the_same_prepared_event_is_delivered_once",
    SwallowsRefusals: "test_a_full_stream_refuses_and_keeps_what_it_accepted",
    RewritesAckWaits: "test_a_durable_keeps_its_ack_wait",
    EndsQuietly: "test_closing_the_bus_ends_a_waiting_subscription",
    RewritesFilters: "test_a_durable_with_other_filters_is_refused_by_name",
    LooksOneOff: "test_a_stored_message_is_fetched_by_its_position",
    WaitsForNobody: "test_nobody_responds_is_an_error_at_once",
    ClaimsToOutlive: "test_what_nobody_settled_is_there_after_all_have_left",
    ClaimsToProve: "test_an_id_that_another_node_copies_suppresses_nobody",
    ClaimsToDrop: "test_messages_that_are_dropped_for_want_of_room_are_told_in_bursts",
}
"""Each wrong transport, and the test of the suite that must tell."""


_places = count()


class Sabotaged(TransportHarness):
    """A place of the wrong transport of a name, or without one of a transport that breaks nothing.

    ``room_in`` is the unit of its only limit.
    """

    def __init__(self, name: str, room_in: Literal["messages", "bytes"] = "messages") -> None:
        if name:
            self.patience_s = 1.0
        self._room_in = room_in
        classes: dict[str, type[MemoryTransport]] = {kind.__name__: kind for kind in SABOTAGES}
        self._make = classes.get(name, Wrong)
        self._url = f"memory://sabotaged-{next(_places)}"

    def transport(self, **options: Any) -> MemoryTransport:
        return self._make(self._url, **options)

    def room(
        self, *, messages: int | None = None, size: int | None = None
    ) -> dict[str, Any] | None:
        most = messages if self._room_in == "messages" else size
        return {f"max_{self._room_in}": most} if most else None
