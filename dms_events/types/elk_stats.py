"""The stats events: the reports of a DMS node about devices, services, calls and payments.

They are made for a stats database. Their name "elk" comes from Elasticsearch, Logstash and Kibana.

Go stores all their numbers as float32, except the NTX amounts. So a Go reader sees ``timestamp`` in
steps of 128 s, and call ids above 2**24 that lie close together become one id. Python keeps the full
number, on the wire too. The envelope has the precise time.

Every field must be given to make an event, because a forgotten CPU count must not become 0. A field has
a unit only if the DMS names one: in its README, or in its source (``time_taken``).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ._wire import Float32, Int32, StatsEvent, unit

__all__ = [
    "DeviceResourceChange",
    "DeviceResourceConfig",
    "DeviceStatusChange",
    "NewDeviceOnboarded",
    "NewService",
    "NtxPayment",
    "ResourceValues",
    "ServiceCall",
    "ServiceRemove",
    "ServiceStatus",
]

PeerId = Annotated[str, Meta(description="libp2p peer id of the device")]
HostPeerId = Annotated[str, Meta(description="libp2p peer id of the device that hosts the service")]
ServiceId = Annotated[str, Meta(description="id of the service")]
CallId = Annotated[Float32, Meta(description="id of the call; Go rounds ids above 2**24 (float32)")]
Cpu = Annotated[Float32, unit("MHz"), Meta(description="CPU capacity, as in onboarding")]
Ram = Annotated[Float32, unit("MB"), Meta(description="memory, as in onboarding")]
Network = Annotated[Float32, Meta(description="network bandwidth")]
DedicatedTime = Annotated[Float32, Meta(description="time for which the device is dedicated")]
Ntx = Annotated[Int32, unit("NTX"), Meta(description="amount of tokens")]
Timestamp = Annotated[
    Float32, unit("s"), Meta(description="Unix time; Go keeps it in steps of 128 s (float32)")
]


class NewDeviceOnboarded(StatsEvent, frozen=True, kw_only=True, gc=False):
    """A new device was onboarded with these resources (DMS types README, elk_stats)."""

    peer_id: PeerId = field(name="PeerID")
    cpu: Cpu = field(name="CPU")
    ram: Ram = field(name="RAM")
    network: Network = field(name="Network")
    dedicated_time: DedicatedTime = field(name="DedicatedTime")
    timestamp: Timestamp = field(name="Timestamp")


class DeviceStatusChange(StatsEvent, frozen=True, kw_only=True, gc=False):
    """The status of a device changed (DMS types README, elk_stats)."""

    peer_id: PeerId = field(name="PeerID")
    status: Annotated[str, Meta(description="the new status")] = field(name="Status")
    timestamp: Timestamp = field(name="Timestamp")


class ResourceValues(StatsEvent, frozen=True, kw_only=True, gc=False):
    """Resources in two resource events. In Go: the anonymous struct ``ChangedAttributeAndValue``."""

    cpu: Cpu = field(name="CPU")
    ram: Ram = field(name="RAM")
    network: Network = field(name="Network")
    dedicated_time: DedicatedTime = field(name="DedicatedTime")


Changes = Annotated[ResourceValues, Meta(description="the changed attributes and their values")]


class DeviceResourceChange(StatsEvent, frozen=True, kw_only=True, gc=False):
    """The resources of a device changed (DMS types README, elk_stats)."""

    peer_id: PeerId = field(name="PeerID")
    changed_attribute_and_value: Changes = field(name="ChangedAttributeAndValue")
    timestamp: Timestamp = field(name="Timestamp")


class DeviceResourceConfig(StatsEvent, frozen=True, kw_only=True, gc=False):
    """The resource configuration of a device changed (DMS types README, elk_stats)."""

    peer_id: PeerId = field(name="PeerID")
    changed_attribute_and_value: Changes = field(name="ChangedAttributeAndValue")
    timestamp: Timestamp = field(name="Timestamp")


class NewService(StatsEvent, frozen=True, kw_only=True, gc=False):
    """A new service was registered in the platform (DMS types README, elk_stats)."""

    service_id: ServiceId = field(name="ServiceID")
    service_name: Annotated[str, Meta(description="name of the service")] = field(
        name="ServiceName"
    )
    service_description: Annotated[str, Meta(description="what the service does")] = field(
        name="ServiceDescription"
    )
    timestamp: Timestamp = field(name="Timestamp")


class ServiceCall(StatsEvent, frozen=True, kw_only=True, gc=False):
    """A host machine accepted a deployment request (DMS types README, elk_stats)."""

    call_id: CallId = field(name="CallID")
    peer_id_of_service_host: HostPeerId = field(name="PeerIDOfServiceHost")
    service_id: ServiceId = field(name="ServiceID")
    cpu_used: Annotated[Float32, unit("MHz"), Meta(description="CPU used by the job")] = field(
        name="CPUUsed"
    )
    max_ram: Annotated[
        Float32, unit("MB"), Meta(description="upper limit of the memory that the job may use")
    ] = field(name="MaxRAM")
    memory_used: Annotated[Float32, unit("MB"), Meta(description="memory used by the job")] = field(
        name="MemoryUsed"
    )
    network_bw_used: Annotated[Float32, Meta(description="network bandwidth used")] = field(
        name="NetworkBwUsed"
    )
    time_taken: Annotated[Float32, unit("s"), Meta(description="time that the job took")] = field(
        name="TimeTaken"
    )
    status: Annotated[str, Meta(description="status of the job")] = field(name="Status")
    amount_of_ntx: Ntx = field(name="AmountOfNtx")
    timestamp: Timestamp = field(name="Timestamp")


class ServiceStatus(StatsEvent, frozen=True, kw_only=True, gc=False):
    """The status of a job on a host machine (DMS types README, elk_stats)."""

    call_id: CallId = field(name="CallID")
    peer_id_of_service_host: HostPeerId = field(name="PeerIDOfServiceHost")
    service_id: ServiceId = field(name="ServiceID")
    status: Annotated[str, Meta(description="status of the job")] = field(name="Status")
    timestamp: Timestamp = field(name="Timestamp")


class ServiceRemove(StatsEvent, frozen=True, kw_only=True, gc=False):
    """A service was removed from the platform (DMS types README, elk_stats)."""

    service_id: ServiceId = field(name="ServiceID")
    timestamp: Timestamp = field(name="Timestamp")


class NtxPayment(StatsEvent, frozen=True, kw_only=True, gc=False):
    """A payment for a completed service succeeded or failed (DMS types README, elk_stats)."""

    call_id: CallId = field(name="CallID")
    service_id: ServiceId = field(name="ServiceID")
    amount_of_ntx: Ntx = field(name="AmountOfNtx")
    peer_id: PeerId = field(name="PeerID")
    success_fail_status: Annotated[str, Meta(description="whether the payment succeeded")] = field(
        name="SuccessFailStatus"
    )
    timestamp: Timestamp = field(name="Timestamp")
