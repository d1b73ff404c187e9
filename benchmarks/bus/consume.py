"""A durable reads a full stream, and acknowledges each message."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

import nats
from nats.aio.msg import Msg
from nats.js.api import AckPolicy

from dms_events.types.elk_stats import ServiceCall

from ..table import Contestant, Row, Section, in_turns
from .others import NATSIO
from .scene import CHUNK, Clock, Model, Scene, identity, opened, subject

__all__ = ["HEADER", "SECTION", "filled"]

HEADER, _ENVELOPE, _PLAIN = "header", "envelope", "plain"
"""Streams with the identity in header and envelope, in the envelope alone, and of bare events."""


async def filled(scene: Scene, root: str) -> str:
    """A stream full of events; made when it is first asked for, and read again and again."""
    stream = f"{root.upper()}_EVENTS"
    if stream not in scene.streams:
        await scene.fresh_stream(root)
        if root == HEADER:
            async with scene.bus(root) as bus:
                await bus.publish_many(scene.events)
        else:
            await _fill(scene, root)
        await scene.check_stored(stream)
        scene.streams.add(stream)
    return stream


async def _fill(scene: Scene, root: str) -> None:
    async with scene.client() as client:
        for envelope, model in zip(scene.envelopes, scene.models, strict=True):
            if root == _ENVELOPE:
                await client.publish(subject(root), envelope)
            else:
                data = model.model_dump_json(by_alias=True).encode()
                await client.publish(subject(root), data, headers={"Nats-Msg-Id": identity()})


async def _bus(scene: Scene, root: str) -> float:
    stream = await filled(scene, root)
    left = scene.count
    async with scene.bus(root) as bus:
        with Clock(scene.count) as clock:
            async with bus.subscribe(ServiceCall, durable="bus", prefetch=2 * CHUNK) as messages:
                async for message in messages:
                    await message.ack()
                    left -= 1
                    if not left:
                        break
    await scene.check_settled(stream, "bus")
    return clock.us


async def _nats_py(scene: Scene, root: str, read: Callable[[bytes], object] | None) -> float:
    stream = await filled(scene, root)
    left = scene.count
    async with scene.client() as client:
        js = client.jetstream()
        with Clock(scene.count) as clock:
            subscription = await js.pull_subscribe(
                f"{root}.events.>", durable="nats-py", stream=stream
            )
            while left:
                messages = await subscription.fetch(CHUNK)
                for message in messages:
                    if read is not None:
                        read(message.data)
                    await message.ack()
                left -= len(messages)
            await client.flush()
    await scene.check_settled(stream, "nats-py")
    return clock.us


async def _natsio(scene: Scene, root: str) -> float:
    stream = await filled(scene, root)
    left = scene.count
    async with await NATSIO.connect(scene.url) as client:
        with Clock(scene.count) as clock:
            found = await client.jetstream().stream(stream)
            config = NATSIO.jetstream.ConsumerConfig(
                durable_name="natsio", filter_subject=f"{root}.events.>"
            )
            consumer = await found.create_consumer(config)
            async with consumer.consume(max_messages=2 * CHUNK) as messages:
                async for message in messages:
                    await message.ack()
                    left -= 1
                    if not left:
                        break
            await client.flush()
    await scene.check_settled(stream, "natsio")
    return clock.us


class _Callback(asyncio.Future[Msg]):
    """Passes for the future of a reply, so that a message costs nats-py neither a queue nor a task."""

    def __init__(self, take: Callable[[Msg], None]) -> None:
        super().__init__()
        self.set_result = take  # type: ignore[method-assign]


async def _floor(scene: Scene) -> float:
    """The least that nats-py takes to receive, decode and acknowledge, without an account of anything."""
    stream = await filled(scene, _ENVELOPE)
    buffer: deque[Msg] = deque()
    arrived = asyncio.Event()

    def take(message: Msg) -> None:
        buffer.append(message)
        if len(buffer) == 1:
            arrived.set()

    async with await nats.connect(scene.url, skip_subject_validation=True) as client:
        inbox, consumer = client.new_inbox(), "floor"
        ask = partial(
            client.publish,
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}",
            b'{"batch":%d}' % CHUNK,
            inbox,
        )
        await client.jetstream().add_consumer(
            stream, durable_name=consumer, ack_policy=AckPolicy.EXPLICIT
        )
        with Clock(scene.count) as clock:
            await client.subscribe(inbox, future=_Callback(take))
            await ask()
            for number in range(scene.count):
                if number % CHUNK == 0:
                    await ask()
                if not buffer:
                    arrived.clear()
                    await arrived.wait()
                message = buffer.popleft()
                opened(message.data)
                await client.publish(message.reply, b"+ACK")
            await client.flush()
    await scene.check_settled(stream, consumer)
    return clock.us


_CONTESTANTS: dict[str, Contestant] = {
    "bus, header": partial(_bus, root=HEADER),
    "nats-py, header": partial(_nats_py, root=HEADER, read=None),
    "pydantic, header": partial(_nats_py, root=_PLAIN, read=Model.model_validate_json),
    "bus, envelope": partial(_bus, root=_ENVELOPE),
    "nats-py, envelope": partial(_nats_py, root=_ENVELOPE, read=None),
    "floor, envelope": _floor,
}
_ROWS = [
    Row("async for + ack / fetch + ack, id in the header", "bus, header", "nats-py, header", 3.0),
    Row("async for + ack / fetch + ack, pydantic", "bus, header", "pydantic, header", 3.0),
    Row(
        "async for + ack / fetch + ack, id in the envelope alone",
        "bus, envelope",
        "nats-py, envelope",
        4.0,
    ),
    Row("receive, decode and ack / fetch + ack", "floor, envelope", "nats-py, envelope"),
]
if NATSIO:
    _CONTESTANTS |= {
        "natsio, header": partial(_natsio, root=HEADER),
        "natsio, envelope": partial(_natsio, root=_ENVELOPE),
    }
    _ROWS += [
        Row(
            "the same / consume + ack of natsio, id in the header", "bus, header", "natsio, header"
        ),
        Row(
            "the same / consume + ack of natsio, id in the envelope alone",
            "bus, envelope",
            "natsio, envelope",
        ),
    ]

SECTION = Section("consume, JetStream", "CPU µs", in_turns(_CONTESTANTS), _ROWS)
