"""Capabilities are added, subtracted and compared."""

from __future__ import annotations

import copy
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.types.capability import (
    KYC,
    Capability,
    Connectivity,
    JobType,
    Library,
    Locality,
    PriceInformation,
    Storage,
    StorageType,
    TimeInformation,
    contains,
    equal,
)
from dms_events.types.execution import Executor, ExecutorType
from dms_events.types.resource import CPU, GPU, RAM, Disk, ExecutionResources

T4 = GPU(index=0, model="Tesla T4")
A100 = GPU(index=1, model="A100")


def machine() -> Capability:
    return Capability(
        executors=[Executor(executor_type=ExecutorType.DOCKER)],
        job_types=[JobType.BATCH],
        resources=ExecutionResources(
            cpu=CPU(architecture="x86_64", cores=8, threads=16, clock_speed_hz=3_000),
            memory=RAM(type="DDR5", size=64, clock_speed_hz=5_000),
            disk=Disk(type="SSD", size=1_000),
            gpus=[copy.copy(T4), copy.copy(A100)],
        ),
        libraries=[Library(name="cuda", constraint=">=", version="12")],
        localities=[Locality(kind="geographic", name="EU")],
        storage=[Storage(type=StorageType.SSD, size=100, amount=2)],
        connectivity=Connectivity(ports=[80, 443]),
        price=[PriceInformation(currency="NTX", currency_per_hour=2)],
        time=TimeInformation(units="hours", max_time=10),
        kycs=[KYC(type="id", data="x")],
    )


def job() -> Capability:
    return Capability(
        executors=[Executor(executor_type=ExecutorType.DOCKER)],
        job_types=[JobType.RECURRING],
        resources=ExecutionResources(
            cpu=CPU(cores=2, clock_speed_hz=1_000),
            memory=RAM(size=16),
            disk=Disk(type="SSD", size=10),
            gpus=[GPU(index=0, model="Tesla T4", resource_id=9)],
        ),
        storage=[Storage(type=StorageType.SSD, size=10), Storage(type=StorageType.HDD, size=1)],
        connectivity=Connectivity(ports=[443, 8080], vpn=True),
        time=TimeInformation(units="hours", max_time=1),
    )


def test_the_wire_keys_are_gos() -> None:
    written = json.loads(msgspec.json.encode(Capability()))
    assert list(written) == (
        [
            "executor",
            "type",
            "resources",
            "libraries",
            "locality",
            "storage",
            "connectivity",
            "price",
            "time",
            "KYCs",
        ]
    )
    assert list(written["resources"]) == ["cpu", "memory", "disk"]
    assert list(json.loads(msgspec.json.encode(PriceInformation()))) == (
        ["currency", "currency_per_hour", "total_per_job", "preference"]
    )


def test_adding_sums_amounts_and_unites_lists() -> None:
    total = machine()
    assert total.add(job()) is total
    assert total.resources.cpu == CPU(
        architecture="x86_64", cores=10, threads=16, clock_speed_hz=4_000
    )
    assert total.resources.memory == RAM(type="DDR5", size=80, clock_speed_hz=5_000)
    assert total.resources.disk.size == 1_010
    assert [gpu.model for gpu in total.resources.gpus] == ["Tesla T4", "A100", "Tesla T4"]
    assert total.executors == [Executor(executor_type=ExecutorType.DOCKER)]
    assert total.job_types == [JobType.BATCH, JobType.RECURRING]
    assert total.storage == [
        Storage(type=StorageType.SSD, size=110, amount=2),
        Storage(type=StorageType.HDD, size=1),
    ]
    assert total.connectivity == Connectivity(ports=[80, 443, 8080], vpn=True)
    assert total.time.max_time == 11
    assert (total.libraries, total.price, total.kycs) == (
        machine().libraries,
        machine().price,
        machine().kycs,
    )


def test_adding_to_nothing_gives_an_equal_capability_of_its_own() -> None:
    source = machine()
    total = Capability().add(source)
    assert total == msgspec.json.decode(msgspec.json.encode(source), type=Capability)
    total.resources.gpus[0].index = 7
    total.storage[0].size = 7
    total.libraries[0].name = "changed"
    assert source == machine()


def test_a_part_that_is_there_twice_is_united_once() -> None:
    twice = Capability(libraries=[Library(name="a"), Library(name="a"), Library(name="b")])
    assert Capability().add(twice).libraries == [Library(name="a"), Library(name="b")]


def test_subtracting_what_was_added_leaves_the_amounts() -> None:
    wanted = Capability(resources=job().resources, storage=job().storage, time=job().time)
    left = machine().add(wanted).subtract(wanted)
    assert left == machine()


def test_subtracting_leaves_the_lists_but_closes_ports() -> None:
    left = machine().subtract(
        Capability(connectivity=Connectivity(ports=[443, 9]), libraries=machine().libraries)
    )
    assert left.connectivity.ports == [80]
    assert left.libraries == machine().libraries


def test_storage_that_is_used_up_is_gone() -> None:
    left = machine().subtract(Capability(storage=machine().storage))
    assert left.storage == []


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (Capability(resources=ExecutionResources(cpu=CPU(cores=9))), "cpu"),
        (Capability(resources=ExecutionResources(cpu=CPU(threads=17))), "cpu"),
        (Capability(resources=ExecutionResources(cpu=CPU(clock_speed_hz=3_001))), "cpu"),
        (Capability(resources=ExecutionResources(memory=RAM(size=65))), "memory"),
        (Capability(resources=ExecutionResources(memory=RAM(clock_speed_hz=5_001))), "memory"),
        (Capability(resources=ExecutionResources(disk=Disk(size=1_001))), "disk"),
        (Capability(resources=ExecutionResources(gpus=[T4, T4])), "gpu"),
        (Capability(storage=[Storage(type=StorageType.SSD, amount=3)]), "storage"),
        (Capability(storage=[Storage(type=StorageType.HDD, size=1)]), "storage"),
        (Capability(time=TimeInformation(max_time=11)), "time"),
    ],
)
def test_subtracting_more_than_there_is_changes_nothing(more: Capability, what: str) -> None:
    capability = machine()
    more.connectivity.ports = [80]
    with pytest.raises(ValueError, match=f"^{what} resources are not enough$"):
        capability.subtract(more)
    assert capability == machine()


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (Capability(resources=ExecutionResources(cpu=CPU(architecture="arm64", cores=1))), "cpu"),
        (Capability(resources=ExecutionResources(memory=RAM(type="DDR4", size=1))), "memory"),
        (Capability(resources=ExecutionResources(disk=Disk(type="HDD", size=1))), "disk"),
        (Capability(time=TimeInformation(units="days", max_time=1)), "time"),
    ],
)
def test_amounts_of_different_kinds_do_not_go_together(other: Capability, what: str) -> None:
    capability = machine()
    other.job_types = [JobType.LONG_RUNNING]
    with pytest.raises(ValueError, match=f"^{what} of '.*' cannot be combined with '.*'$"):
        capability.add(other)
    with pytest.raises(ValueError, match=f"^{what} of '.*' cannot be combined with '.*'$"):
        capability.subtract(other)
    assert capability == machine()


def test_another_kind_of_nothing_is_nothing() -> None:
    other = Capability(time=TimeInformation(units="days"))
    assert machine().add(other).subtract(other) == machine()


amounts = st.integers(0, 2**40)


@given(mine=st.tuples(amounts, amounts, amounts), theirs=st.tuples(amounts, amounts, amounts))
def test_subtracting_undoes_adding(
    mine: tuple[int, int, int], theirs: tuple[int, int, int]
) -> None:
    def capability(cores: int, size: int, time: int) -> Capability:
        return Capability(
            resources=ExecutionResources(cpu=CPU(cores=cores), memory=RAM(size=size)),
            storage=[Storage(type=StorageType.SSD, size=size + 1)],
            time=TimeInformation(max_time=time),
        )

    other = capability(*theirs)
    assert capability(*mine).add(other).subtract(other) == capability(*mine)
    assert other == capability(*theirs)


def test_parts_are_equal_when_all_their_fields_are() -> None:
    assert equal(Library(name="a", version="1"), Library(name="a", version="1"))
    assert not equal(Library(name="a", version="1"), Library(name="a", version="2"))
    assert not equal(Library(name="a"), Locality(name="a"))
    assert equal(GPU(index=1, resource_id=1), GPU(index=1, resource_id=2))
    assert not equal(GPU(index=1), GPU(index=2))


def test_storage_is_contained_by_its_type() -> None:
    assert contains(machine().storage, Storage(type=StorageType.SSD, size=9))
    assert not contains(machine().storage, Storage(type=StorageType.HDD))
    assert contains(machine().price, PriceInformation(currency="NTX", currency_per_hour=2))
    assert not contains(machine().price, PriceInformation(currency="NTX"))
    assert contains(machine().job_types, JobType.BATCH)
    assert not contains([], JobType.BATCH)
