"""Capabilities of a machine, or needs of a job. They can be added, subtracted and compared."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, field

from ._enums import OpenStrEnum
from ._wire import GoStruct, Int
from .execution import Executor
from .resource import GPU, ExecutionResources

__all__ = [
    "KYC",
    "Capability",
    "Connectivity",
    "JobType",
    "Library",
    "Locality",
    "PriceInformation",
    "Storage",
    "StorageType",
    "TimeInformation",
    "contains",
    "equal",
]

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

Preference = Annotated[Int, Meta(description="degree of preference")]


class JobType(OpenStrEnum):
    """The kinds of job, by how often and how long they run."""

    BATCH = "batch"
    SINGLE_RUN = "single_run"
    RECURRING = "recurring"
    LONG_RUNNING = "long_running"


class StorageType(OpenStrEnum):
    """The kinds of storage."""

    SSD = "ssd"
    HDD = "hdd"


class Connectivity(GoStruct, kw_only=True):
    """Network access. Part of a Capability."""

    ports: Annotated[list[Int], Meta(description="open ports")] = field(default_factory=list)
    vpn: Annotated[bool, Meta(description="true if there is a VPN")] = False


class PriceInformation(GoStruct, kw_only=True):
    """A price in one currency. Part of a Capability."""

    currency: Annotated[str, Meta(description="currency of the prices")] = ""
    currency_per_hour: Annotated[Int, Meta(description="price per hour")] = 0
    total_per_job: Annotated[Int, Meta(description="upper limit of a job's price")] = 0
    preference: Preference = 0


class TimeInformation(GoStruct, kw_only=True):
    """The time for which a job may run. Part of a Capability."""

    units: Annotated[str, Meta(description="unit of max_time: seconds, minutes, hours or days")] = (
        ""
    )
    max_time: Annotated[Int, Meta(description="upper limit of the time, in units")] = 0
    preference: Preference = 0


class Library(GoStruct, kw_only=True):
    """A software library. Part of a Capability."""

    name: Annotated[str, Meta(description="name of the library")] = ""
    constraint: Annotated[str, Meta(description="operator of the version, such as >=")] = ""
    version: Annotated[str, Meta(description="version of the library")] = ""


class Locality(GoStruct, kw_only=True):
    """A region. Part of a Capability."""

    kind: Annotated[str, Meta(description="kind of region, such as geographic")] = ""
    name: Annotated[str, Meta(description="name of the region")] = ""


class Storage(GoStruct, kw_only=True):
    """Storage of one kind. Part of a Capability."""

    type: Annotated[StorageType, Meta(description="kind of storage")] = StorageType("")
    size: Annotated[Int, Meta(description="size")] = 0
    amount: Annotated[Int, Meta(description="amount or number")] = 0


class KYC(GoStruct, kw_only=True):
    """Data about a customer ("know your customer"). Part of a Capability."""

    type: Annotated[str, Meta(description="kind of the data")] = ""
    data: Annotated[str, Meta(description="the data")] = ""


class Capability(GoStruct, kw_only=True):
    """The capability that a machine offers or a job needs. Sent when machines and jobs are matched.

    `add` and `subtract` change this capability and return it, as in Go. If they raise, nothing was
    changed. A capability has one kind of CPU, one kind of memory, one kind of disk and one unit of time.
    An amount of another kind is refused. If a kind is not set, it is taken from the other capability.
    """

    executors: Annotated[list[Executor], Meta(description="executors of jobs")] = field(
        name="executor", default_factory=list
    )
    job_types: Annotated[list[JobType], Meta(description="kinds of job")] = field(
        name="type", default_factory=list
    )
    resources: Annotated[ExecutionResources, Meta(description="resources for a job")] = field(
        default_factory=ExecutionResources
    )
    libraries: Annotated[list[Library], Meta(description="software libraries")] = field(
        default_factory=list
    )
    localities: Annotated[list[Locality], Meta(description="regions")] = field(
        name="locality", default_factory=list
    )
    storage: Annotated[list[Storage], Meta(description="storage, each of one kind")] = field(
        default_factory=list
    )
    connectivity: Annotated[Connectivity, Meta(description="network access")] = field(
        default_factory=Connectivity
    )
    price: Annotated[list[PriceInformation], Meta(description="prices, each in one currency")] = (
        field(default_factory=list)
    )
    time: Annotated[TimeInformation, Meta(description="time for which a job may run")] = field(
        default_factory=TimeInformation
    )
    kycs: Annotated[list[KYC], Meta(description="data about the customer")] = field(
        name="KYCs", default_factory=list
    )

    def add(self, other: Capability) -> Capability:
        """Add the amounts of ``other``, and the items of its lists that are missing here.

        Raises:
            ValueError: the two have amounts of different kinds.
        """
        self._set_amounts(other, 1)
        self.executors += _missing(self.executors, other.executors)
        self.job_types += _missing(self.job_types, other.job_types)
        self.resources.gpus += [copy(gpu) for gpu in other.resources.gpus]
        self.libraries += _missing(self.libraries, other.libraries)
        self.localities += _missing(self.localities, other.localities)
        self.connectivity.ports += _missing(self.connectivity.ports, other.connectivity.ports)
        self.connectivity.vpn = self.connectivity.vpn or other.connectivity.vpn
        self.price += _missing(self.price, other.price)
        self.kycs += _missing(self.kycs, other.kycs)
        return self

    def subtract(self, other: Capability) -> Capability:
        """Subtract the amounts, GPUs and ports of ``other``. The other lists stay unchanged.

        Raises:
            ValueError: an amount would fall below 0, a GPU is missing, or the kinds of an amount differ.
        """
        gpus = _without(self.resources.gpus, other.resources.gpus)
        self._set_amounts(other, -1)
        self.resources.gpus = gpus
        closed = set(other.connectivity.ports)
        self.connectivity.ports = [p for p in self.connectivity.ports if p not in closed]
        return self

    def _set_amounts(self, other: Capability, sign: int) -> None:
        mine, theirs = self.resources, other.resources
        cpu = _CPU.combine(mine.cpu, theirs.cpu, sign)
        memory = _MEMORY.combine(mine.memory, theirs.memory, sign)
        disk = _DISK.combine(mine.disk, theirs.disk, sign)
        time = _TIME.combine(self.time, other.time, sign)
        storage = {s.type: s for s in self.storage}
        for change in other.storage:
            own = storage.get(change.type, Storage(type=change.type))
            storage[change.type] = _STORAGE.combine(own, change, sign)
            if sign < 0 and storage[change.type] == Storage(type=change.type):
                del storage[change.type]
        mine.cpu, mine.memory, mine.disk, self.time = cpu, memory, disk, time
        self.storage = list(storage.values())


def equal(left: object, right: object) -> bool:
    """Return True if two parts of capabilities are equal. The database row of a GPU does not count."""
    if isinstance(left, GPU) and isinstance(right, GPU):
        return msgspec.structs.replace(left, resource_id=right.resource_id) == right
    return type(left) is type(right) and left == right


def contains(items: Iterable[object], item: object) -> bool:
    """Return True if ``item`` is in ``items``. Storage is compared by its type only."""
    if isinstance(item, Storage):
        return any(isinstance(s, Storage) and s.type == item.type for s in items)
    return any(equal(i, item) for i in items)


def _missing(mine: list[T], theirs: list[T]) -> list[T]:
    found: list[T] = []
    for item in theirs:
        if not contains(mine, item) and not contains(found, item):
            found.append(copy(item))
    return found


def _without(gpus: list[GPU], taken: list[GPU]) -> list[GPU]:
    left = list(gpus)
    for gpu in reversed(taken):
        # The last one of several equal ones, so that subtracting undoes adding.
        at = next((n for n in reversed(range(len(left))) if equal(left[n], gpu)), None)
        if at is None:
            raise ValueError("gpu resources are not enough")
        del left[at]
    return left


class _Amounts(NamedTuple):
    """The fields of one part of a capability that are summed, and the field with its kind."""

    what: str
    kind: str
    amounts: tuple[str, ...]

    def combine(self, mine: S, theirs: S, sign: int) -> S:
        """Return ``mine`` with the amounts of ``theirs`` added, or subtracted if ``sign`` is -1."""
        changes = {a: getattr(mine, a) + sign * getattr(theirs, a) for a in self.amounts}
        if all(getattr(mine, a) == amount for a, amount in changes.items()):
            return copy(mine)
        own, other = getattr(mine, self.kind), getattr(theirs, self.kind)
        if own and other and own != other:
            raise ValueError(f"{self.what} of {other!r} cannot be combined with {own!r}")
        if sign < 0 and min(changes.values()) < 0:
            raise ValueError(f"{self.what} resources are not enough")
        return msgspec.structs.replace(mine, **changes, **{self.kind: own or other})


_CPU = _Amounts("cpu", "architecture", ("cores", "threads", "clock_speed_hz"))
_MEMORY = _Amounts("memory", "type", ("size", "clock_speed_hz"))
_DISK = _Amounts("disk", "type", ("size",))
_STORAGE = _Amounts("storage", "type", ("size", "amount"))
_TIME = _Amounts("time", "units", ("max_time",))
