"""Messages and records of the onboarding of a machine to NuNet."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ._secrets import SecretStr
from ._wire import Float64, GoStruct, Int64, Uint64, unit
from .machine import Gpu
from .types import BaseDBModel

__all__ = [
    "BlockchainAddressPrivKey",
    "CapacityForNunet",
    "LogBinAuth",
    "Metadata",
    "MetadataCapacity",
    "MetadataResource",
    "OnboardingStatus",
    "Provisioned",
]

Mhz = Annotated[Int64, unit("MHz"), Meta(description="CPU capacity of all cores")]
Megabytes = Annotated[Int64, unit("MB"), Meta(description="memory")]
NtxPerMinute = Annotated[Float64, unit("NTX/min"), Meta(description="price in NTX tokens")]
MachineUuid = Annotated[str, Meta(description="UUID of the machine")]
Channel = Annotated[str, Meta(description="release channel of the network")]


class BlockchainAddressPrivKey(GoStruct, kw_only=True, omit_defaults=True):
    """A wallet's address and its private key. Answers the request for a new wallet. Holds a secret."""

    address: Annotated[str, Meta(description="address of the wallet")] = ""
    private_key: Annotated[SecretStr, Meta(description="private key of the wallet")] = ""
    mnemonic: Annotated[SecretStr, Meta(description="words from which the private key is made")] = (
        ""
    )


class CapacityForNunet(GoStruct, kw_only=True):
    """The request to onboard a machine, with the resources that NuNet may use."""

    memory: Megabytes = 0
    cpu: Mhz = 0
    ntx_price_per_minute: NtxPerMinute = field(name="ntx_price", default=0.0)
    channel: Channel = ""
    payment_address: Annotated[str, Meta(description="wallet address that payments go to")] = field(
        name="payment_addr", default=""
    )
    server_mode: Annotated[bool, Meta(description="true if the machine serves the DHT")] = False
    is_available: Annotated[bool, Meta(description="true if the machine takes jobs")] = False


class Provisioned(GoStruct, kw_only=True, omit_defaults=True):
    """All resources of the host machine. Answers the request for the resources that can be onboarded."""

    cpu: Annotated[Float64, unit("MHz"), Meta(description="CPU capacity of all cores")] = 0.0
    memory: Annotated[Uint64, unit("MB"), Meta(description="memory")] = 0
    num_cores: Annotated[Uint64, Meta(description="number of CPU cores")] = field(
        name="total_cores", default=0
    )


class MetadataResource(GoStruct, kw_only=True, omit_defaults=True):
    """All resources of the machine. In Go: the anonymous struct ``Resource`` of Metadata."""

    memory_max: Megabytes = 0
    total_core: Annotated[Int64, Meta(description="number of CPU cores")] = 0
    cpu_max: Mhz = 0


class MetadataCapacity(GoStruct, kw_only=True, omit_defaults=True):
    """Some resources. In Go: the anonymous structs ``Available`` and ``Reserved`` of Metadata."""

    cpu: Mhz = 0
    memory: Megabytes = 0


class Metadata(GoStruct, kw_only=True, omit_defaults=True):
    """The parameters with which a machine was onboarded. The machine keeps them in a file."""

    name: Annotated[str, Meta(description="name of the machine")] = ""
    update_timestamp: Annotated[Int64, Meta(description="Unix time of the last change")] = 0
    resource: Annotated[MetadataResource, Meta(description="all resources of the machine")] = field(
        default_factory=MetadataResource
    )
    available: Annotated[MetadataCapacity, Meta(description="resources that the owner keeps")] = (
        field(default_factory=MetadataCapacity)
    )
    reserved: Annotated[MetadataCapacity, Meta(description="resources that NuNet may use")] = field(
        default_factory=MetadataCapacity
    )
    network: Channel = ""
    public_key: Annotated[str, Meta(description="wallet address that payments go to")] = ""
    node_id: Annotated[str, Meta(description="id of the node")] = ""
    gpu_info: Annotated[list[Gpu], Meta(description="GPUs of the machine")] = field(
        default_factory=list
    )
    dashboard: Annotated[str, Meta(description="address of the machine's dashboard")] = ""
    ntx_price_per_minute: NtxPerMinute = field(name="ntx_price", default=0.0)


class OnboardingStatus(GoStruct, kw_only=True):
    """The state of onboarding, and the files with its data. Answers the request for this state."""

    onboarded: Annotated[bool, Meta(description="true if the machine is onboarded")] = False
    error: Annotated[None, Meta(description="always null: Go reads no other value")] = None
    machine_uuid: MachineUuid = ""
    metadata_path: Annotated[str, Meta(description="path of the file with the Metadata")] = ""
    database_path: Annotated[str, Meta(description="path of the node's database")] = ""


class LogBinAuth(BaseDBModel, kw_only=True):
    """The machine's access to LogBin. The node keeps it in its database. Holds a secret."""

    peer_id: Annotated[str, Meta(description="libp2p peer id")] = ""
    machine_uuid: MachineUuid = ""
    token: Annotated[SecretStr, Meta(description="token for LogBin")] = ""
