"""Resources of a machine: existing, onboarded and free ones, and those that jobs need."""

from __future__ import annotations

from typing import Annotated, ClassVar, NewType

from msgspec import Meta, field

from ._enums import OpenStrEnum
from ._wire import Float64, GoStruct, Int, Uint, Uint64, unit
from .types import BaseDBModel

__all__ = [
    "CPU",
    "GPU",
    "RAM",
    "AvailableResources",
    "CPUInfo",
    "Disk",
    "ExecutionResources",
    "FreeResources",
    "GPUList",
    "GPUVendor",
    "NetworkInfo",
    "RequiredResources",
    "Resources",
    "SpecInfo",
]

Size = Annotated[Uint64, unit("bytes"), Meta(description="size")]
ClockSpeed = Annotated[Uint64, unit("Hz"), Meta(description="clock speed")]
Model = Annotated[str, Meta(description="model name")]
Vendor = Annotated[str, Meta(description="maker of the part")]


class GPUVendor(OpenStrEnum):
    """The maker of a GPU."""

    NVIDIA = "NVIDIA"
    AMD_ATI = "AMD/ATI"
    INTEL = "Intel"
    UNKNOWN = "Unknown"
    NONE = "None"


class GPU(GoStruct, kw_only=True):
    """A GPU of a machine. Part of its resources and specifications."""

    index: Annotated[Int, Meta(description="index that the GPU reports")] = field(
        name="Index", default=0
    )
    vendor: Annotated[GPUVendor, Meta(description="maker of the GPU")] = field(
        name="Vendor", default=GPUVendor("")
    )
    pci_address: Annotated[str, Meta(description="PCI address, as AAAA:BB:CC.C")] = field(
        name="PCIAddress", default=""
    )
    model: Annotated[str, Meta(description="model name, such as Tesla T4 or A100")] = ""
    total_vram: Annotated[Uint64, Meta(description="total memory of the GPU")] = field(
        name="TotalVRAM", default=0
    )
    used_vram: Annotated[Uint64, Meta(description="used memory of the GPU")] = field(
        name="UsedVRAM", default=0
    )
    free_vram: Annotated[Uint64, Meta(description="free memory of the GPU")] = field(
        name="FreeVRAM", default=0
    )
    resource_id: Annotated[
        Uint, Meta(description="database row of the resources that contain this GPU")
    ] = field(name="ResourceID", default=0)


GPUList = NewType("GPUList", list[GPU])
GPUList.__doc__ = "The GPUs of a machine."

Cpu = Annotated[Float64, Meta(description="CPU capacity")]
NumCores = Annotated[Uint64, Meta(description="number of CPU cores")]
Gpus = Annotated[list[GPU], Meta(description="GPUs")]
Ram = Annotated[Uint64, Meta(description="memory")]
DiskSize = Annotated[Uint64, Meta(description="disk space")]


class Resources(GoStruct, kw_only=True):
    """Resources of a machine. Embedded in onboarded, free and required resources; part of a request."""

    cpu: Cpu = field(name="CPU", default=0.0)
    num_cores: NumCores = field(name="NumCores", default=0)
    gpu: Gpus = field(name="GPU", default_factory=list)
    ram: Ram = field(name="RAM", default=0)
    disk: DiskSize = field(name="Disk", default=0)


class _StoredResources(BaseDBModel, kw_only=True):
    """BaseDBModel and Resources. Three Go structs embed both, in this order."""

    go_embeds: ClassVar[tuple[str, ...]] = ("resource.Resources",)

    cpu: Cpu = field(name="CPU", default=0.0)
    num_cores: NumCores = field(name="NumCores", default=0)
    gpu: Gpus = field(name="GPU", default_factory=list)
    ram: Ram = field(name="RAM", default=0)
    disk: DiskSize = field(name="Disk", default=0)


class AvailableResources(_StoredResources, kw_only=True):
    """The resources that were onboarded to NuNet. Replaces machine.AvailableResources."""


class FreeResources(_StoredResources, kw_only=True):
    """The resources that are free for new jobs. Replaces machine.FreeResources."""


class RequiredResources(_StoredResources, kw_only=True):
    """The resources that the jobs running on the machine need."""


class CPUInfo(GoStruct, kw_only=True):
    """A summary of a machine's CPUs."""

    num_cores: NumCores = field(name="NumCores", default=0)
    mhz_per_core: Annotated[Float64, unit("MHz"), Meta(description="capacity of one core")] = field(
        name="MHzPerCore", default=0.0
    )
    compute: Annotated[Float64, unit("MHz"), Meta(description="capacity of all cores")] = field(
        name="Compute", default=0.0
    )


class CPU(GoStruct, kw_only=True):
    """A CPU of a machine. Part of its specifications."""

    model: Model = field(name="Model", default="")
    vendor: Vendor = field(name="Vendor", default="")
    clock_speed_hz: ClockSpeed = field(name="ClockSpeedHz", default=0)
    cores: Annotated[Int, Meta(description="number of physical cores")] = field(
        name="Cores", default=0
    )
    threads: Annotated[Int, Meta(description="number of logical threads")] = field(
        name="Threads", default=0
    )
    architecture: Annotated[str, Meta(description="architecture, such as x86_64 or arm64")] = field(
        name="Architecture", default=""
    )
    cache_size: Annotated[Uint64, unit("bytes"), Meta(description="size of the cache")] = field(
        name="CacheSize", default=0
    )


class RAM(GoStruct, kw_only=True):
    """A memory module of a machine. Part of its specifications."""

    size: Size = field(name="Size", default=0)
    clock_speed_hz: ClockSpeed = field(name="ClockSpeedHz", default=0)
    type: Annotated[str, Meta(description="type of memory, such as DDR4 or LPDDR4")] = field(
        name="Type", default=""
    )


class Disk(GoStruct, kw_only=True):
    """A disk of a machine. Part of its specifications."""

    model: Model = field(name="Model", default="")
    vendor: Vendor = field(name="Vendor", default="")
    size: Size = field(name="Size", default=0)
    type: Annotated[str, Meta(description="type of disk, such as SSD, HDD or NVMe")] = field(
        name="Type", default=""
    )
    interface: Annotated[str, Meta(description="interface, such as SATA, PCIe or M.2")] = field(
        name="Interface", default=""
    )
    read_speed: Annotated[Uint64, unit("bytes/s"), Meta(description="read speed")] = field(
        name="ReadSpeed", default=0
    )
    write_speed: Annotated[Uint64, unit("bytes/s"), Meta(description="write speed")] = field(
        name="WriteSpeed", default=0
    )


class NetworkInfo(GoStruct, kw_only=True):
    """The network connection of a machine. Part of its specifications."""

    bandwidth: Annotated[Uint64, unit("bits/s"), Meta(description="bandwidth")] = field(
        name="Bandwidth", default=0
    )
    network_type: Annotated[
        str, Meta(description="type of network, such as Ethernet, Wi-Fi or Cellular")
    ] = field(name="NetworkType", default="")


class SpecInfo(GoStruct, kw_only=True):
    """The specifications of all parts of a machine."""

    cpus: Annotated[list[CPU], Meta(description="CPUs")] = field(name="CPUs", default_factory=list)
    gpus: Gpus = field(name="GPUs", default_factory=list)
    rams: Annotated[list[RAM], Meta(description="memory modules")] = field(
        name="RAMs", default_factory=list
    )
    disks: Annotated[list[Disk], Meta(description="disks")] = field(
        name="Disks", default_factory=list
    )
    network: Annotated[NetworkInfo, Meta(description="network connection")] = field(
        name="Network", default_factory=NetworkInfo
    )


class ExecutionResources(GoStruct, kw_only=True, omit_defaults=True):
    """The resources that a task needs. The README calls it ``types.Resource`` and does not declare it."""

    cpu: Annotated[CPU, Meta(description="CPU")] = field(default_factory=CPU)
    memory: Annotated[RAM, Meta(description="memory")] = field(default_factory=RAM)
    disk: Annotated[Disk, Meta(description="disk space")] = field(default_factory=Disk)
    gpus: Gpus = field(default_factory=list)
