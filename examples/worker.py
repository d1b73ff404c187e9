"""A small billing worker. Run it in this folder: `dms-events worker worker:worker --url nats://…`

It keeps its books in memory, which a real one must not: they have to outlive the process, and an
event that comes a second time (after a crash, say) must not be booked a second time.
"""

from collections import Counter

import dms_events
from dms_events import Message, Reject
from dms_events.types.elk_stats import DeviceStatusChange, NtxPayment, ServiceCall

worker = dms_events.Worker(durable="billing", concurrency=20)
owed: Counter[str] = Counter()
seen: Counter[str] = Counter()
online: dict[str, bool] = {}
others: Counter[str] = Counter()


@worker.on_startup
async def open_books() -> None:
    print("the books are open")


@worker.on(ServiceCall, attempts=6, backoff_s=0.5, timeout_s=30)
async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
    """One handler of one type. What it raises is tried again; what it rejects is a dead letter."""
    if event.amount_of_ntx < 0:
        raise Reject(f"call {event.call_id:g} costs less than nothing")
    owed[event.peer_id_of_service_host] += event.amount_of_ntx
    seen[message.source or "unknown"] += 1


@worker.on(NtxPayment, batch=200, linger_s=0.1)
async def pay(messages: list[Message[NtxPayment]]) -> None:
    """A batch: one transaction for many."""
    for message in messages:
        owed[message.event.peer_id] -= message.event.amount_of_ntx


@worker.on(DeviceStatusChange, key=lambda event: event.peer_id)
async def follow(event: DeviceStatusChange) -> None:
    """Events of one device one after the other, so that the last state is the last."""
    online[event.peer_id] = event.status == "online"


@worker.on("elk_stats.*")
async def count(event: object) -> None:
    """Everything else of the module."""
    others[type(event).__name__] += 1


@worker.on_shutdown
async def close_books() -> None:
    print("owed", sum(owed.values()), "by", len(owed))
    print("online", sorted(peer for peer, is_online in online.items() if is_online))
    print("others", dict(others))
