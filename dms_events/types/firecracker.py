"""Configuration of Firecracker virtual machines, in the form of Firecracker's API."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ._secrets import SecretStr
from ._wire import GoStruct, Int, unit
from .types import BaseDBModel

__all__ = [
    "Actions",
    "BootSource",
    "Drives",
    "MMDSConfig",
    "MMDSLatest",
    "MMDSMetadata",
    "MMDSMsg",
    "MachineConfig",
    "NetworkInterfaces",
    "VirtualMachine",
]

VcpuCount = Annotated[Int, Meta(description="number of virtual CPUs")]
MemSizeMib = Annotated[Int, unit("MiB"), Meta(description="memory")]


class BootSource(GoStruct, kw_only=True):
    """The kernel that a virtual machine boots. Sent before the machine is started."""

    kernel_image_path: Annotated[str, Meta(description="path of the kernel on the host")] = ""
    boot_args: Annotated[str, Meta(description="kernel command line")] = ""


class Drives(GoStruct, kw_only=True):
    """A virtual drive. One is sent for each drive before the machine is started."""

    drive_id: Annotated[str, Meta(description="id of the drive")] = ""
    path_on_host: Annotated[str, Meta(description="path of the drive's file on the host")] = ""
    is_root_device: Annotated[bool, Meta(description="true if it is the root device")] = False
    is_read_only: Annotated[bool, Meta(description="true if it is read-only")] = False


class MachineConfig(GoStruct, kw_only=True):
    """The size of a virtual machine. Sent when the machine is created."""

    vcpu_count: VcpuCount = 0
    mem_size_mib: MemSizeMib = 0


class NetworkInterfaces(GoStruct, kw_only=True):
    """A network interface of a virtual machine. Sent before the machine is started."""

    iface_id: Annotated[str, Meta(description="id of the interface")] = ""
    guest_mac: Annotated[str, Meta(description="MAC address inside the machine")] = ""
    host_dev_name: Annotated[str, Meta(description="tap device on the host")] = ""


class MMDSConfig(GoStruct, kw_only=True):
    """The network interfaces through which a virtual machine reaches its metadata service (MMDS)."""

    network_interface: Annotated[list[str], Meta(description="ids of the interfaces")] = field(
        name="network_interfaces", default_factory=list
    )


class MMDSMetadata(GoStruct, kw_only=True):
    """Facts that a virtual machine gets about the node on which it runs."""

    node_id: Annotated[str, Meta(description="id of the node")] = ""
    pkey: Annotated[SecretStr, Meta(description="key for the node")] = ""


class MMDSLatest(GoStruct, kw_only=True):
    """In Go: the anonymous struct ``Latest`` of a MMDSMsg. Its inner struct embeds only MMDSMetadata."""

    metadata: Annotated[MMDSMetadata, Meta(description="facts about the node")] = field(
        name="meta-data", default_factory=MMDSMetadata
    )


class MMDSMsg(GoStruct, kw_only=True):
    """The contents of a virtual machine's metadata service. Sent when the machine is started."""

    latest: Annotated[MMDSLatest, Meta(description="the contents")] = field(
        default_factory=MMDSLatest
    )


class Actions(GoStruct, kw_only=True):
    """An order to a virtual machine."""

    action_type: Annotated[str, Meta(description="order, such as InstanceStart")] = ""


class VirtualMachine(BaseDBModel, kw_only=True):
    """A virtual machine. The node keeps it in its database."""

    socket_file: Annotated[str, Meta(description="path of the socket of its API")] = ""
    boot_source: Annotated[str, Meta(description="path of the kernel")] = ""
    filesystem: Annotated[str, Meta(description="path of the root file system")] = ""
    vcpu_count: VcpuCount = 0
    mem_size_mib: MemSizeMib = 0
    tap_device: Annotated[str, Meta(description="tap device on the host")] = ""
    state: Annotated[str, Meta(description="state of the machine: running or not")] = ""
