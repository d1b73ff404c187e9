"""The parts of a fleet: kinds of devices, and services that people run on them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from ..types.elk_stats import ResourceValues
from .peers import peer_id

__all__ = ["SERVICES", "Device", "Service", "make_devices", "make_services"]


class _DeviceKind(NamedTuple):
    share: float
    cores: tuple[int, ...]
    clock_mhz: tuple[float, float]
    ram_mb_per_core: tuple[int, ...]
    network_mbps: tuple[float, ...]
    hours_per_day: tuple[float, ...]


_SERVER = _DeviceKind(
    0.12, (16, 24, 32, 48), (2100, 3100), (2048, 4096), (1000.0, 10000.0), (24.0,)
)
_DEVICE_KINDS = (
    _SERVER,
    _DeviceKind(0.2, (8, 12, 16, 24), (2900, 4200), (2048, 4096), (500.0, 1000.0), (12.0, 24.0)),
    _DeviceKind(0.3, (4, 6, 8), (2600, 3900), (2048, 4096), (50.0, 100.0, 250.0), (8.0, 12.0)),
    _DeviceKind(0.26, (4, 8), (1800, 2800), (1024, 2048), (25.0, 50.0, 100.0), (6.0, 8.0)),
    _DeviceKind(0.12, (4,), (1500, 2400), (512, 1024, 2048), (25.0, 100.0), (24.0,)),
)


@dataclass(slots=True, eq=False)
class Device:
    """A device; ``offer`` holds the resources of its last report, ``used_*`` those that jobs hold."""

    peer_id: str
    nominal: ResourceValues
    offer: ResourceValues
    used_cpu_mhz: float = 0.0
    used_ram_mb: float = 0.0
    busy_until: float = 0.0
    place: int | None = None
    """Index among the devices that take calls; None while it takes none."""

    def fits(self, cpu_mhz: float, ram_mb: float) -> bool:
        """True if there is room for a job of this size."""
        return (
            cpu_mhz <= self.offer.cpu - self.used_cpu_mhz
            and ram_mb <= self.offer.ram - self.used_ram_mb
        )


def make_devices(count: int, rng: Random) -> list[Device]:
    """Return ``count`` devices; the first is a server."""
    shares = [kind.share for kind in _DEVICE_KINDS]
    kinds = [_SERVER, *rng.choices(_DEVICE_KINDS, shares, k=count - 1)]
    return [_make_device(kind, rng) for kind in kinds]


def _make_device(kind: _DeviceKind, rng: Random) -> Device:
    cores = rng.choice(kind.cores)
    clock_mhz = round(rng.uniform(*kind.clock_mhz), -2)
    nominal = ResourceValues(
        cpu=cores * clock_mhz,
        ram=float(cores * rng.choice(kind.ram_mb_per_core)),
        network=rng.choice(kind.network_mbps),
        dedicated_time=rng.choice(kind.hours_per_day),
    )
    return Device(peer_id(rng), nominal, nominal)


class _ServiceKind(NamedTuple):
    slug: str
    name: str
    variants: tuple[str, ...]
    description: str
    cpu_mhz: float
    ram_mb: float
    minutes: float
    network_mbps: float


_SERVICE_KINDS = (
    _ServiceKind("text-inference", "Text inference", ("3B", "8B", "14B", "int8"),
                 "Answers prompts with an open language model", 9000, 8192, 4, 3),
    _ServiceKind("image-inference", "Image inference", ("classify", "segment", "upscale"),
                 "Runs a vision model over a batch of pictures", 6000, 4096, 6, 12),
    _ServiceKind("speech-to-text", "Speech to text", ("small", "medium", "subtitles"),
                 "Transcribes recordings", 6000, 4096, 8, 4),
    _ServiceKind("render", "Rendering", ("stills", "animation", "preview"),
                 "Renders the frames of a 3D scene", 14000, 12288, 35, 18),
    _ServiceKind("train", "Model training", ("fine-tune", "tabular", "vision"),
                 "Trains a model on the caller's data set", 18000, 24576, 110, 9),
    _ServiceKind("ci-runner", "CI runner", ("go", "python", "rust", "web"),
                 "Builds and tests a commit", 5000, 4096, 9, 15),
    _ServiceKind("transcode", "Video transcoding", ("1080p", "4K", "audio only"),
                 "Transcodes video for streaming", 8000, 3072, 18, 30),
    _ServiceKind("fold", "Protein folding", ("monomer", "complex"),
                 "Predicts the structure of a protein", 16000, 16384, 80, 2),
    _ServiceKind("etl", "Data pipeline", ("hourly", "nightly"),
                 "Cleans and joins tables of a data lake", 4000, 8192, 25, 45),
    _ServiceKind("prove", "Proof generation", ("rollup", "membership"),
                 "Generates zero-knowledge proofs", 12000, 8192, 14, 1),
    _ServiceKind("simulate", "Simulation", ("fluid", "climate", "Monte Carlo"),
                 "Solves a numerical model", 20000, 16384, 150, 5),
    _ServiceKind("edge", "Edge analytics", ("traffic", "weather", "air quality"),
                 "Summarises the readings of sensors", 1200, 384, 3, 1),
)  # fmt: skip

SERVICES = sum(len(kind.variants) for kind in _SERVICE_KINDS)
"""Number of different services."""


@dataclass(slots=True, eq=False)
class Service:
    """A service, the needs of its average job, and the device that registered it."""

    id: str
    name: str
    description: str
    cpu_mhz: float
    ram_mb: float
    seconds: float
    network_mbps: float
    popularity: float
    owner: Device | None = None
    busy_until: float = 0.0


def make_services(count: int, rng: Random) -> list[Service]:
    """Return ``count`` (at most `SERVICES`) different services, by popularity after Zipf's law."""
    choices = [(kind, variant) for kind in _SERVICE_KINDS for variant in kind.variants]
    return [
        Service(
            id=f"{kind.slug}-{variant.lower().replace(' ', '-')}-{rng.getrandbits(24):06x}",
            name=f"{kind.name} ({variant})",
            description=f"{kind.description}.",
            cpu_mhz=kind.cpu_mhz,
            ram_mb=kind.ram_mb,
            seconds=60 * kind.minutes,
            network_mbps=kind.network_mbps,
            popularity=1 / rank,
        )
        for rank, (kind, variant) in enumerate(rng.sample(choices, count), start=1)
    ]
