"""What is said and kept while a machine is onboarded to NuNet."""

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

Mhz = Annotated[Int64, unit("MHz"), Meta(description="CPU of all cores")]
Megabytes = Annotated[Int64, unit("MB"), Meta(description="memory")]
NtxPerMinute = Annotated[Float64, unit("NTX/min"), Meta(description="price in NTX tokens")]
MachineUuid = Annotated[str, Meta(description="UUID of the machine")]
Channel = Annotated[str, Meta(description="release channel of the network")]


class BlockchainAddressPrivKey(GoStruct, kw_only=True, omit_defaults=True):
    """A wallet's address and the key it comes from. Answers the request for a new one; a secret."""

    address: Annotated[str, Meta(description="address of the wallet")] = ""
    private_key: Annotated[SecretStr, Meta(description="private key of the wallet")] = ""
    mnemonic: Annotated[SecretStr, Meta(description="words from which the key is made")] = ""


class CapacityForNunet(GoStruct, kw_only=True):
    """The request to onboard a machine: what of it NuNet may use."""

    memory: Megabytes = 0
    cpu: Mhz = 0
    ntx_price_per_minute: NtxPerMinute = field(name="ntx_price", default=0.0)
    channel: Channel = ""
    payment_address: Annotated[str, Meta(description="wallet address that payments go to")] = field(
        name="payment_addr", default=""
    )
    server_mode: Annotated[bool, Meta(description="whether it serves the DHT")] = False
    is_available: Annotated[bool, Meta(description="whether it takes jobs")] = False


class Provisioned(GoStruct, kw_only=True, omit_defaults=True):
    """All that the host machine has. Answers the question what can be onboarded."""

    cpu: Annotated[Float64, unit("MHz"), Meta(description="CPU of all cores")] = 0.0
    memory: Annotated[Uint64, unit("MB"), Meta(description="memory")] = 0
    num_cores: Annotated[Uint64, Meta(description="number of CPU cores")] = field(
        name="total_cores", default=0
    )


class MetadataResource(GoStruct, kw_only=True, omit_defaults=True):
    """The anonymous struct ``Resource`` of Metadata: all that the machine has."""

    memory_max: Megabytes = 0
    total_core: Annotated[Int64, Meta(description="number of CPU cores")] = 0
    cpu_max: Mhz = 0


class MetadataCapacity(GoStruct, kw_only=True, omit_defaults=True):
    """The anonymous structs ``Available`` and ``Reserved`` of Metadata."""

    cpu: Mhz = 0
    memory: Megabytes = 0


class Metadata(GoStruct, kw_only=True, omit_defaults=True):
    """The parameters with which a machine was onboarded, as it keeps them in a file."""

    name: Annotated[str, Meta(description="name of the machine")] = ""
    update_timestamp: Annotated[Int64, Meta(description="Unix time of the last change")] = 0
    resource: Annotated[MetadataResource, Meta(description="all that the machine has")] = field(
        default_factory=MetadataResource
    )
    available: Annotated[MetadataCapacity, Meta(description="what the owner keeps")] = field(
        default_factory=MetadataCapacity
    )
    reserved: Annotated[MetadataCapacity, Meta(description="what NuNet may use")] = field(
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
    """Whether the machine is onboarded, and where it keeps that. Answers the question for it."""

    onboarded: Annotated[bool, Meta(description="whether the machine is onboarded")] = False
    error: Annotated[None, Meta(description="always null: Go reads no other")] = None
    machine_uuid: MachineUuid = ""
    metadata_path: Annotated[str, Meta(description="path of the file with the Metadata")] = ""
    database_path: Annotated[str, Meta(description="path of the node's database")] = ""


class LogBinAuth(BaseDBModel, kw_only=True):
    """The access of the machine to LogBin, as the node keeps it. Holds a secret."""

    peer_id: Annotated[str, Meta(description="libp2p peer id")] = ""
    machine_uuid: MachineUuid = ""
    token: Annotated[SecretStr, Meta(description="token for LogBin")] = ""
