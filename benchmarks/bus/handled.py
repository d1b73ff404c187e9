"""From publish to handler, both in this process: against FastStream, and against nats-py alone."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import closing
from functools import partial
from typing import Any, Literal

from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.msg import Msg

from dms_events import Subscription
from dms_events.types.elk_stats import ServiceCall

from ..table import Row, Section, in_turns
from .scene import CHUNK, Clock, Model, Scene, identity, opened, sealed, subject

__all__ = ["CORE", "JETSTREAM"]

_ROOT = "handled"
_SUBJECT = subject(_ROOT)


class _Handler:
    """The same work for everybody: it reads a field, and knows when all are there."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self.done = asyncio.Event()

    def handle(self, status: str) -> None:
        assert status == "completed"
        self._left -= 1
        if not self._left:
            self.done.set()


async def _bus(scene: Scene, durable: bool) -> float:
    handler = _Handler(scene.count)

    async def read(messages: Subscription[ServiceCall]) -> None:
        async for message in messages:
            handler.handle(message.event.status)
            await message.ack()

    stream = await scene.fresh_stream(_ROOT)
    async with (
        scene.bus(_ROOT, durable=durable) as bus,
        bus.subscribe(ServiceCall, durable="bus" if durable else None) as messages,
    ):
        with Clock(scene.count) as clock:
            reading = asyncio.create_task(read(messages))
            await bus.publish_many(scene.events)
            await handler.done.wait()
        reading.cancel()
    if durable:
        await scene.check_settled(stream, "bus")
    return clock.us


async def _faststream(scene: Scene, mode: str, logger: logging.Logger | None = None) -> float:
    """FastStream without its log of every message, unless told."""
    handler = _Handler(scene.count)
    stream = await scene.fresh_stream(_ROOT)
    broker = NatsBroker(scene.url, logger=logger)
    options: dict[str, Any] = {}
    if mode == "pull":
        options = {"durable": "faststream", "pull_sub": PullSub(batch_size=CHUNK)}
    if mode == "push":
        options = {"queue": "faststream"}
    if mode != "core":
        options["stream"] = JStream(stream, declare=False)

    @broker.subscriber(_SUBJECT, **options)  # type: ignore[untyped-decorator]
    async def handle(event: Model) -> None:
        handler.handle(event.status)

    async with broker:
        await broker.start()
        with Clock(scene.count) as clock:
            if mode == "core":
                for model in scene.models:
                    await broker.publish(model, _SUBJECT)
            else:
                for start in range(0, scene.count, CHUNK):
                    await asyncio.gather(
                        *(
                            broker.publish(
                                model,
                                _SUBJECT,
                                headers={"Nats-Msg-Id": identity()},
                                stream=stream,
                                timeout=30.0,
                            )
                            for model in scene.models[start : start + CHUNK]
                        )
                    )
            await handler.done.wait()
    if mode != "core":
        await scene.check_settled(stream, "faststream")
    return clock.us


async def _faststream_with_log(scene: Scene) -> float:
    """FastStream as it is where nothing else is said, but that its log goes nowhere."""
    logger = logging.Logger("faststream", logging.INFO)
    with closing(logging.FileHandler(os.devnull)) as nowhere:
        logger.addHandler(nowhere)
        return await _faststream(scene, "core", logger)


async def _core_nats_py(scene: Scene, how: Literal["bytes", "pydantic", "by hand"]) -> float:
    handler = _Handler(scene.count)

    async def handle_bytes(message: Msg) -> None:
        handler.handle("completed")

    async def handle_model(message: Msg) -> None:
        handler.handle(Model.model_validate_json(message.data).status)

    async def handle_envelope(message: Msg) -> None:
        handler.handle(opened(message.data).status)

    handlers = {"bytes": handle_bytes, "pydantic": handle_model, "by hand": handle_envelope}
    async with scene.client() as client:
        await client.subscribe(_SUBJECT, cb=handlers[how])
        await client.flush()
        with Clock(scene.count) as clock:
            if how == "pydantic":
                for model in scene.models:
                    await client.publish(_SUBJECT, model.model_dump_json(by_alias=True).encode())
            elif how == "by hand":
                for event in scene.events:
                    await client.publish(_SUBJECT, sealed(event))
            else:
                for data in scene.envelopes:
                    await client.publish(_SUBJECT, data)
            await handler.done.wait()
    return clock.us


JETSTREAM = Section(
    "publish to handler, JetStream",
    "CPU µs",
    in_turns(
        {
            "bus": partial(_bus, durable=True),
            "pull": partial(_faststream, mode="pull"),
            "push": partial(_faststream, mode="push"),
        }
    ),
    [
        Row("bus / FastStream, pull subscriber", "bus", "pull", 3.5),
        Row("bus / FastStream, push subscriber", "bus", "push", 3.5),
    ],
)
CORE = Section(
    "publish to handler, core",
    "CPU µs",
    in_turns(
        {
            "bus": partial(_bus, durable=False),
            "faststream": partial(_faststream, mode="core"),
            "with log": _faststream_with_log,
            "nats-py": partial(_core_nats_py, how="bytes"),
            "pydantic": partial(_core_nats_py, how="pydantic"),
            "by hand": partial(_core_nats_py, how="by hand"),
        }
    ),
    [
        Row("bus / FastStream, core subscriber", "bus", "faststream", 8.0),
        Row("bus / FastStream, core subscriber, with its log", "bus", "with log", 8.0),
        Row("bus / nc.publish and nc.subscribe(cb=), by hand", "bus", "by hand"),
        Row("bus / nc.publish and nc.subscribe(cb=), pydantic", "bus", "pydantic"),
        Row("bus / nc.publish and nc.subscribe(cb=), bytes ready", "bus", "nats-py"),
    ],
)
