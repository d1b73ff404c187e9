"""Names on a real server: it takes what the bus takes, and no root gets the streams of another."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import dms_events
from dms_events import Bus, ConfigError
from dms_events.names import check_durable, check_source
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import DurableSetup, NatsServer, NatsSetup, apply_setup, check_setup
from tests.contract.places import collect
from tests.kit.servers.operator import Operator
from tests.kit.storing import call

SEVERAL = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
CHARACTERS = st.characters(exclude_characters=" .*>/\\")
TEXTS = st.one_of(
    st.text(CHARACTERS, min_size=1, max_size=20),
    st.builds(str.__mul__, CHARACTERS, st.integers(1, 200)),
)
NAMES = st.lists(TEXTS, min_size=1, max_size=6, unique=True)
EDGES = [
    "d" * 200,
    "é" * 122,
    "é" * 127,
    "\U0001f600" * 61,
    "\U0001f600" * 63,
    "$x",
    "-0",
    "~",
    "_",
]


def is_durable(name: str, *, partitioned: bool) -> bool:
    try:
        check_durable(name, partitioned=partitioned)
    except ConfigError:
        return False
    return True


def is_source(name: str) -> bool:
    try:
        check_source(name)
    except ConfigError:
        return False
    return True


async def read(bus: Bus, durable: str, *, partitioned: bool = False) -> None:
    async with bus.subscribe(ServiceCall, durable=durable, partitioned=partitioned) as messages:
        await collect(messages, 1)


@SEVERAL
@example(EDGES)
@given(NAMES)
async def test_the_server_takes_each_durable_that_the_bus_takes(
    nats_server: NatsServer, names: list[str]
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        # Another example may have acknowledged the last event under the same name.
        await bus.publish(call(1))
        for name in names:
            if is_durable(name, partitioned=False):
                await read(bus, name)
            if is_durable(part := f"p{name}", partitioned=True):
                await read(bus, part, partitioned=True)


@SEVERAL
@example(EDGES)
@given(NAMES)
async def test_the_server_takes_each_source_that_the_bus_takes(
    nats_server: NatsServer, names: list[str]
) -> None:
    sources = [name for name in names if is_source(name)]
    async with (
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await bus.publish_many(bus.prepare(call(1), source=source) for source in sources)
        found = await collect(messages, len(sources))
    assert [message.source for message in found] == sources


@pytest.mark.parametrize("make_streams", [True, False])
@pytest.mark.parametrize("other", ["a_b", "A.B"])
async def test_a_root_is_refused_whose_streams_are_called_like_those_of_another(
    nats_server: NatsServer, operator: Operator, other: str, make_streams: bool
) -> None:
    async with dms_events.connect(nats_server.url, root="a.b") as bus:
        await bus.publish(call(1))
    bus = dms_events.connect(nats_server.url, root=other, make_streams=make_streams)
    with pytest.raises(ConfigError, match=r"A_B_\w+ stores a\.b\.\w+\.>.*another root"):
        await bus.open()
    assert (await operator.stream("A_B_EVENTS"))["subjects"] == ["a.b.events.>"]


async def test_a_setup_takes_no_stream_from_another_root(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, NatsSetup(root="a.b"))
    for act in (check_setup, apply_setup):
        with pytest.raises(ConfigError, match=r"stores a\.b\.(\w+)\.>, and not a_b\.\1\.>"):
            await act(nats_server.url, NatsSetup(root="a_b"))
    with pytest.raises(ConfigError, match="choose another root"):
        await apply_setup(nats_server.url, NatsSetup(root="a_b"), overwrite=True)
    assert (await operator.stream("A_B_EVENTS"))["subjects"] == ["a.b.events.>"]


async def test_a_stream_that_stores_a_part_of_the_root_is_no_stream_of_another(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with dms_events.connect(nats_server.url, root="a.b"):
        pass
    for subjects in (["a.*.events.elk_stats.>"], ["other", "a.b.events.elk_stats.ServiceCall.*"]):
        await operator.change_stream("A_B_EVENTS", subjects=subjects)
        async with dms_events.connect(nats_server.url, root="a.b") as bus:
            await bus.publish(call(1))
            await read(bus, f"durable-{len(subjects)}")


async def test_a_stream_that_makes_the_subjects_of_the_root_is_read(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with dms_events.connect(nats_server.url, root="a.b") as bus:
        data = bus.prepare(call(7)).data
    transform = {"src": "raw.*.*.*", "dest": "a.b.events.{{wildcard(1)}}.$2.$3"}
    await operator.change_stream("A_B_EVENTS", subjects=["raw.>"], subject_transform=transform)
    async with dms_events.connect(nats_server.url, root="a.b") as bus:
        await operator.client.publish("raw.elk_stats.ServiceCall.node", data)
        await read(bus, "durable")


async def test_a_setup_makes_no_durable_beside_one_that_is_read_by_partitions(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe(ServiceCall, durable="x", partitioned=True),
    ):
        pass
    setup = NatsSetup(durables={"x": DurableSetup(types=("elk_stats.ServiceCall",))})
    with pytest.raises(ConfigError, match="'x' is there and is read by partitions"):
        await apply_setup(nats_server.url, setup)
    assert (await operator.api("CONSUMER.NAMES.DMS_EVENTS"))["consumers"] == ["x-rest"]


async def test_durables_that_end_like_partitions_are_named_whole(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(call(1))
        await read(bus, "billing-2")
        await read(bus, "parts", partitioned=True)
        with pytest.raises(ConfigError, match=r"'billing-2', 'parts'\?"):
            async with bus.subscribe(ServiceCall, durable="x", must_exist=True):
                pass
