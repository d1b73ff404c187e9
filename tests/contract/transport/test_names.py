"""Names: what one transport takes as a root, a source or a durable no other one refuses."""

from __future__ import annotations

import pytest

from dms_events import Bus, ConfigError, Subscription
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place


@pytest.mark.parametrize("root", ["", "a b", "a..b", "a*b", "ä", "r" * 201])
def test_every_transport_refuses_a_root_that_no_subject_begins_with(
    place: Place, root: str
) -> None:
    with pytest.raises(ConfigError, match="cannot begin a subject") as refused:
        Place(place.kind, place.url, root).connect()
    assert refused.value.setting == "root"


@pytest.mark.parametrize("root", ["a.b", "a_b", "A-9", "r" * 200])
def test_every_transport_takes_a_root_of_plain_tokens(place: Place, root: str) -> None:
    Place(place.kind, place.url, root).connect()


@pytest.mark.parametrize("name", ["a.b", "a b", "a\\b", "a/b", "*", "x" * 201])
async def test_every_bus_refuses_the_same_sources_and_durables(
    place: Place, bus: Bus, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"characters|no name has"):
        place.connect(source=name)
    with pytest.raises(ConfigError, match=r"characters|no name has") as refused:
        bus.subscribe(ServiceCall, durable=name)
    assert refused.value.setting == "durable"


@pytest.mark.promised("acknowledges")
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (("x", True), ("x-rest", False), "'x-rest' is a part of the durable 'x'"),
        (("x", True), ("x-rest", True), "'x-rest' is a part of the durable 'x'"),
        (("x-rest", False), ("x", True), "'x' needs 'x-rest' for a partition"),
        (("x", True), ("x", False), "'x' is there and is read by partitions"),
        (("x", False), ("x", True), "'x' is there and is not read by partitions"),
    ],
)
async def test_a_durable_is_refused_whose_consumers_are_those_of_another(
    bus: Bus, first: tuple[str, bool], second: tuple[str, bool], said: str
) -> None:
    """Each durable has a name, and says whether it is read by partitions."""

    def durable(name: str, partitioned: bool) -> Subscription[ServiceCall]:
        return bus.subscribe(ServiceCall, durable=name, partitioned=partitioned)

    async with durable(*first):
        pass
    with pytest.raises(ConfigError, match=f"{said}.*another durable name"):
        async with durable(*second):
            pass
    async with durable(*first):
        pass
