"""A machine of the network: its resources, services and peers, and the records of its node."""

from __future__ import annotations

from typing import Annotated, Any, NewType

from msgspec import Meta, field

from ._secrets import SecretBytes, SecretStr
from ._services import ContainerImages, ServiceResourceRequirements, Services
from ._wire import Duration, Float64, GoStruct, Int, Int64, Uint64, unit
from .types import BaseDBModel

__all__ = [
    "IP",
    "AvailableResources",
    "Connection",
    "ContainerImages",
    "ElasticToken",
    "FreeResources",
    "Gpu",
    "KadDHTMachineUpdate",
    "Libp2pInfo",
    "Machine",
    "MachineUUID",
    "Machines",
    "PeerData",
    "PeerInfo",
    "PingResult",
    "Resources",
    "ServiceResourceRequirements",
    "Services",
]

PeerId = Annotated[str, Meta(description="libp2p peer id")]
NodeId = Annotated[str, Meta(description="id of the node")]
WalletAddress = Annotated[str, Meta(description="wallet address that payments go to")]
Blockchain = Annotated[str, Meta(description="blockchain of the wallet")]
TotCpuHz = Annotated[
    Int, unit("Hz"), Meta(description="CPU capacity of all cores; the unit is in the field's name")
]
Vcpu = Annotated[Int, Meta(description="number of virtual CPUs")]
Memory = Annotated[Int, Meta(description="memory")]
DiskSpace = Annotated[Float64, Meta(description="disk space")]
PriceCpu = Annotated[Float64, Meta(description="price of the CPU")]
PriceRam = Annotated[Float64, Meta(description="price of the memory")]
PriceDisk = Annotated[Float64, Meta(description="price of the disk space")]
NtxPerMinute = Annotated[Float64, unit("NTX/min"), Meta(description="price in NTX tokens")]

IP = NewType("IP", list[Any])
IP.__doc__ = "An IP address, as a list of any values."


class PeerInfo(BaseDBModel, kw_only=True):
    """A peer. The node keeps it in its database."""

    node_id: NodeId = field(name="nodeID", default="")
    key: Annotated[str, Meta(description="key of the peer in the DHT")] = ""
    mid: Annotated[str, Meta(description="id of the machine")] = ""
    public_key: Annotated[str, Meta(description="public key of the peer")] = ""
    address: Annotated[str, Meta(description="address of the peer")] = field(
        name="_address", default=""
    )


class Machine(BaseDBModel, kw_only=True):
    """The machine itself. The node keeps it in its database. Some fields are rows of other tables."""

    node_id: NodeId = field(name="NodeId", default="")
    peer_info: Annotated[Int, Meta(description="database row of its PeerInfo")] = field(
        name="PeerInfo", default=0
    )
    ip_addr: Annotated[str, Meta(description="IP address")] = field(name="IpAddr", default="")
    available_resources: Annotated[
        Int, Meta(description="database row of its AvailableResources")
    ] = field(name="AvailableResources", default=0)
    free_resources: Annotated[Int, Meta(description="database row of its FreeResources")] = field(
        name="FreeResources", default=0
    )
    tokenomics_address: WalletAddress = field(name="TokenomicsAddress", default="")
    tokenomics_blockchain: Blockchain = field(name="TokenomicsBlockchain", default="")


class FreeResources(BaseDBModel, kw_only=True):
    """Resources that are free for new services: those available minus those in use. Part of PeerData."""

    tot_cpu_hz: TotCpuHz = 0
    price_cpu: PriceCpu = 0.0
    ram: Memory = 0
    price_ram: PriceRam = 0.0
    vcpu: Vcpu = 0
    disk: DiskSpace = 0.0
    price_disk: PriceDisk = 0.0
    ntx_price_per_minute: NtxPerMinute = field(name="ntx_price", default=0.0)


class AvailableResources(BaseDBModel, kw_only=True):
    """Onboarded resources, which NuNet may use. The node keeps them in its database."""

    tot_cpu_hz: TotCpuHz = field(name="TotCpuHz", default=0)
    cpu_no: Annotated[Int, Meta(description="number of CPUs")] = field(name="CpuNo", default=0)
    cpu_hz: Annotated[
        Float64,
        unit("Hz"),
        Meta(description="capacity of one CPU; the unit is in the field's name"),
    ] = field(name="CpuHz", default=0.0)
    price_cpu: PriceCpu = field(name="PriceCpu", default=0.0)
    ram: Memory = field(name="Ram", default=0)
    price_ram: PriceRam = field(name="PriceRam", default=0.0)
    vcpu: Vcpu = field(name="Vcpu", default=0)
    disk: DiskSpace = field(name="Disk", default=0.0)
    price_disk: PriceDisk = field(name="PriceDisk", default=0.0)
    ntx_price_per_minute: NtxPerMinute = field(name="NTXPricePerMinute", default=0.0)


class Resources(GoStruct, kw_only=True):
    """Resources of a machine with their prices. Its name in Go and in the registry is ``resources``."""

    tot_cpu_hz: Annotated[
        Float64,
        unit("Hz"),
        Meta(description="CPU capacity of all cores; the unit is in the field's name"),
    ] = field(name="TotCpuHz", default=0.0)
    price_cpu: PriceCpu = field(name="PriceCpu", default=0.0)
    ram: Memory = field(name="Ram", default=0)
    price_ram: PriceRam = field(name="PriceRam", default=0.0)
    vcpu: Vcpu = field(name="Vcpu", default=0)
    disk: DiskSpace = field(name="Disk", default=0.0)
    price_disk: PriceDisk = field(name="PriceDisk", default=0.0)


class Libp2pInfo(BaseDBModel, kw_only=True):
    """The libp2p identity of the machine. The node keeps it in its database. Holds a secret."""

    private_key: Annotated[SecretBytes, Meta(description="marshalled libp2p private key")] = b""
    public_key: Annotated[bytes, Meta(description="marshalled libp2p public key")] = b""
    server_mode: Annotated[bool, Meta(description="true if the machine serves the DHT")] = False
    available: Annotated[bool, Meta(description="true if the machine takes jobs")] = False


class MachineUUID(BaseDBModel, kw_only=True):
    """The unique identifier of the machine. The node keeps it in its database."""

    uuid: Annotated[str, Meta(description="UUID of the machine")] = ""


class Gpu(GoStruct, kw_only=True):
    """A GPU of a machine. Part of PeerData and of the onboarding metadata."""

    name: Annotated[str, Meta(description="model name")] = ""
    tot_vram: Annotated[Uint64, Meta(description="total memory of the GPU")] = 0
    free_vram: Annotated[Uint64, Meta(description="free memory of the GPU")] = 0


class PeerData(GoStruct, kw_only=True):
    """Facts about a machine that it advertises to its peers."""

    peer_id: PeerId = ""
    is_available: Annotated[bool, Meta(description="true if the machine takes jobs")] = False
    has_gpu: Annotated[bool, Meta(description="true if the machine has a GPU")] = False
    gpu_info: Annotated[list[Gpu], Meta(description="GPUs of the machine")] = field(
        default_factory=list
    )
    tokenomics_address: WalletAddress = field(name="tokenomics_addrs", default="")
    tokenomics_blockchain: Blockchain = ""
    available_resources: Annotated[
        FreeResources, Meta(description="resources that are free for new services")
    ] = field(default_factory=FreeResources)
    services: Annotated[
        list[Services], Meta(description="services that run or ran on the machine")
    ] = field(default_factory=list)
    timestamp: Annotated[Int64, Meta(description="Unix time at which this record was made")] = 0


Machines = NewType("Machines", dict[str, PeerData])
Machines.__doc__ = "The PeerData of all known machines, by their peer ids."


class Connection(BaseDBModel, kw_only=True):
    """A peer to which the machine was connected. The node keeps it in its database."""

    peer_id: PeerId = ""
    multiaddrs: Annotated[str, Meta(description="addresses of the peer, in one string")] = ""


class PingResult(GoStruct, kw_only=True):
    """The result of a ping."""

    rtt: Annotated[Duration, Meta(description="time of the round trip")] = field(
        name="RTT", default=0
    )
    success: Annotated[bool, Meta(description="true if the ping succeeded")] = field(
        name="Success", default=False
    )
    error: Annotated[None, Meta(description="always null: Go reads no other value")] = field(
        name="Error", default=None
    )


class KadDHTMachineUpdate(GoStruct, kw_only=True):
    """The signed PeerData of a machine, as the Kademlia DHT stores it."""

    data: Annotated[bytes, Meta(description="JSON of the PeerData")] = b""
    signature: Annotated[bytes, Meta(description="the machine's signature of data")] = b""


class ElasticToken(BaseDBModel, kw_only=True):
    """The node's access to Elasticsearch. The node keeps it in its database. Holds a secret."""

    node_id: NodeId = field(name="NodeId", default="")
    token: Annotated[SecretStr, Meta(description="token for Elasticsearch")] = field(
        name="Token", default=""
    )
    channel_name: Annotated[str, Meta(description="release channel of the network")] = field(
        name="ChannelName", default=""
    )
