"""Publishing events that exist already."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from ..table import Contestant, Row, Section, in_turns
from .others import NATS_CORE, NATSIO
from .scene import CHUNK, Clock, Scene, identity, subject

__all__ = ["CORE", "JETSTREAM"]

_ROOT = "publish"
_SUBJECT = subject(_ROOT)


async def _bus(scene: Scene) -> float:
    stream = await scene.fresh_stream(_ROOT)
    async with scene.bus(_ROOT) as bus:
        with Clock(scene.count) as clock:
            await bus.publish_many(scene.events)
    await scene.check_stored(stream)
    return clock.us


async def _bus_each(scene: Scene) -> float:
    stream = await scene.fresh_stream(_ROOT)
    async with scene.bus(_ROOT) as bus:
        with Clock(scene.count) as clock:
            for start in range(0, scene.count, CHUNK):
                await asyncio.gather(
                    *(bus.publish(event) for event in scene.events[start : start + CHUNK])
                )
    await scene.check_stored(stream)
    return clock.us


async def _nats_py(scene: Scene) -> float:
    stream = await scene.fresh_stream(_ROOT)
    async with scene.client() as client:
        js = client.jetstream()
        with Clock(scene.count) as clock:
            for start in range(0, scene.count, CHUNK):
                await asyncio.gather(
                    *(
                        js.publish(_SUBJECT, data, headers={"Nats-Msg-Id": identity()})
                        for data in scene.envelopes[start : start + CHUNK]
                    )
                )
    await scene.check_stored(stream)
    return clock.us


async def _pydantic(scene: Scene) -> float:
    stream = await scene.fresh_stream(_ROOT)
    async with scene.client() as client:
        js = client.jetstream()
        with Clock(scene.count) as clock:
            for start in range(0, scene.count, CHUNK):
                await asyncio.gather(
                    *(
                        js.publish(
                            _SUBJECT,
                            model.model_dump_json(by_alias=True).encode(),
                            headers={"Nats-Msg-Id": identity()},
                        )
                        for model in scene.models[start : start + CHUNK]
                    )
                )
    await scene.check_stored(stream)
    return clock.us


async def _natsio(scene: Scene) -> float:
    stream = await scene.fresh_stream(_ROOT)
    async with await NATSIO.connect(scene.url) as client:
        js = client.jetstream()
        with Clock(scene.count) as clock:
            for start in range(0, scene.count, CHUNK):
                await asyncio.gather(
                    *(
                        js.publish(_SUBJECT, data, msg_id=identity())
                        for data in scene.envelopes[start : start + CHUNK]
                    )
                )
    await scene.check_stored(stream)
    return clock.us


async def _natsio_async(scene: Scene) -> float:
    stream = await scene.fresh_stream(_ROOT)
    async with await NATSIO.connect(scene.url) as client:
        js = client.jetstream()
        with Clock(scene.count) as clock:
            acks = [
                await js.publish_async(_SUBJECT, data, msg_id=identity())
                for data in scene.envelopes
            ]
            await asyncio.gather(*acks)
    await scene.check_stored(stream)
    return clock.us


async def _core_bus(scene: Scene) -> float:
    bus = scene.bus(_ROOT, durable=False)
    await bus.open()
    with Clock(scene.count) as clock:
        await bus.publish_many(scene.events)
        await bus.close()
    return clock.us


async def _core_nats_py(scene: Scene) -> float:
    async with scene.client() as client:
        with Clock(scene.count) as clock:
            for data in scene.envelopes:
                await client.publish(_SUBJECT, data)
            await client.flush()
            await client.close()
    return clock.us


async def _core_pydantic(scene: Scene) -> float:
    async with scene.client() as client:
        with Clock(scene.count) as clock:
            for model in scene.models:
                await client.publish(_SUBJECT, model.model_dump_json(by_alias=True).encode())
            await client.flush()
            await client.close()
    return clock.us


async def _core_other(scene: Scene, module: Any) -> float:
    client = await module.connect(scene.url)
    with Clock(scene.count) as clock:
        for data in scene.envelopes:
            await client.publish(_SUBJECT, data)
        await client.flush()
        await client.close()
    return clock.us


_JETSTREAM: dict[str, Contestant] = {
    "bus": _bus,
    "bus, each": _bus_each,
    "nats-py": _nats_py,
    "pydantic": _pydantic,
}
_JETSTREAM_ROWS = [
    Row("publish_many / gather of js.publish, bytes ready", "bus", "nats-py", 3.0),
    Row("publish_many / gather of js.publish, pydantic", "bus", "pydantic", 3.0),
    Row("gather of publish / gather of js.publish", "bus, each", "nats-py", 0.6, at_most=True),
]
_CORE: dict[str, Contestant] = {
    "bus": _core_bus,
    "nats-py": _core_nats_py,
    "pydantic": _core_pydantic,
}
_CORE_ROWS = [
    Row("publish_many / nc.publish, bytes ready", "bus", "nats-py", 0.5),
    Row("publish_many / nc.publish, pydantic", "bus", "pydantic"),
]
if NATSIO:
    _JETSTREAM |= {"natsio": _natsio, "natsio, async": _natsio_async}
    _JETSTREAM_ROWS += [
        Row("publish_many / js.publish_async of natsio", "bus", "natsio, async"),
        Row("gather of publish / gather of natsio", "bus, each", "natsio", at_most=True),
    ]
    _CORE |= {"natsio": partial(_core_other, module=NATSIO)}
    _CORE_ROWS.append(Row("publish_many / nc.publish of natsio", "bus", "natsio"))
if NATS_CORE:
    _CORE |= {"nats-core": partial(_core_other, module=NATS_CORE)}
    _CORE_ROWS.append(Row("publish_many / client.publish of nats-core", "bus", "nats-core"))

JETSTREAM = Section("publish, JetStream", "CPU µs", in_turns(_JETSTREAM), _JETSTREAM_ROWS)
CORE = Section("publish, core", "CPU µs", in_turns(_CORE), _CORE_ROWS)
