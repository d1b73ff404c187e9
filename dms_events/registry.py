"""The registry: type names to types and back.

A type is known as ``<module>.<GoName>``, for example ``elk_stats.ServiceCall``.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

from .errors import UnknownTypeError

__all__ = ["get", "matching", "name_of", "names", "resolve"]

_PYTHON_NAMES: Final = {
    "capability": (
        "Capability Connectivity JobType KYC Library Locality PriceInformation Storage "
        "StorageType TimeInformation"
    ),
    "comparison": "Comparison ComplexComparison",
    "deployment": (
        "BlockchainTxStatus DeploymentRequest DeploymentRequestFlat DeploymentResponse "
        "DeploymentUpdate"
    ),
    "elk_stats": (
        "DeviceResourceChange DeviceResourceConfig DeviceStatusChange NewDeviceOnboarded "
        "NewService NtxPayment ServiceCall ServiceRemove ServiceStatus"
    ),
    "encryption": "EncryptionType",
    "execution": (
        "ExecutionRequest ExecutionResult Executor ExecutorType LogStreamRequest SpecConfig"
    ),
    "firecracker": (
        "Actions BootSource Drives MMDSConfig MMDSMetadata MMDSMsg MachineConfig "
        "NetworkInterfaces VirtualMachine"
    ),
    "machine": (
        "IP AvailableResources Connection ContainerImages ElasticToken FreeResources Gpu "
        "KadDHTMachineUpdate Libp2pInfo Machine MachineUUID Machines PeerData PeerInfo "
        "PingResult Resources ServiceResourceRequirements Services"
    ),
    "network": "MessageInfo NetConfig NetworkSpec NetworkStats",
    "network_config": (
        "Libp2pConfig MessageEnvelope MessageType NetworkConfig NetworkType PrivateNetworkConfig"
    ),
    "onboarding": (
        "BlockchainAddressPrivKey CapacityForNunet LogBinAuth Metadata OnboardingStatus Provisioned"
    ),
    "resource": (
        "AvailableResources CPU CPUInfo Disk ExecutionResources FreeResources GPU GPUList "
        "GPUVendor NetworkInfo RAM RequiredResources Resources SpecInfo"
    ),
    "spec_config": "SpecConfig",
    "storage": "StorageVolume",
    "telemetry": "CollectorConfig ObservabilityLevel TelemetryConfig",
    "types": "BaseDBModel",
}
"""The types of each module. They are imported when the registry is first used, not with the library."""

_GO_NAMES: Final = {"machine.Resources": "machine.resources"}
"""Types with different names in Python and in Go."""


class _Tables(NamedTuple):
    by_name: dict[str, Any]
    """In the order of the names. If a type has two names, the later one is its own."""
    names: dict[Any, str]
    bare: dict[str, list[str]]


@cache
def _tables() -> _Tables:
    by_name: dict[str, Any] = {}
    for section, python_names in _PYTHON_NAMES.items():
        module = import_module(f".types.{section}", __package__)
        for python_name in python_names.split():
            name = f"{section}.{python_name}"
            by_name[_GO_NAMES.get(name, name)] = getattr(module, python_name)
    own = {type_: name for name, type_ in by_name.items()}
    bare: dict[str, list[str]] = {}
    for name in own.values():
        bare.setdefault(name.partition(".")[2], []).append(name)
    return _Tables(by_name, own, bare)


def names() -> list[str]:
    """Return all registry names, sorted."""
    return sorted(_tables().by_name)


def get(name: str) -> Any:
    """Return the type with this name: a Struct, an enum, or a NewType for another named Go type.

    Raises:
        UnknownTypeError: no type has this name.
    """
    try:
        return _tables().by_name[name]
    except KeyError:
        raise UnknownTypeError(name) from None


def name_of(type_: Any) -> str:
    """Return the registry name of a type.

    Raises:
        UnknownTypeError: ``type_`` is not in the registry.
    """
    try:
        return _tables().names[type_]
    except KeyError:
        raise UnknownTypeError(
            getattr(type_, "__qualname__", repr(type_)), "it is not a DMS type"
        ) from None


def resolve(name: str) -> str:
    """Return a type's own registry name for a full name, or for a unique bare Go name.

    Raises:
        UnknownTypeError: no type has this name, or several types have it.
    """
    if name in _tables().by_name:
        return _tables().names[_tables().by_name[name]]
    candidates = _tables().bare.get(name, [])
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise UnknownTypeError(name, "say which one: " + ", ".join(candidates))
    near = get_close_matches(name.lower(), [bare.lower() for bare in _tables().bare], 1)
    if near:
        meant = next(bare for bare in _tables().bare if bare.lower() == near[0])
        raise UnknownTypeError(name, f"did you mean {meant}?")
    raise UnknownTypeError(name)


def matching(pattern: str) -> list[str]:
    """Return the types' own registry names for ``module.Type``, ``module.*`` or ``*``, sorted.

    Raises:
        UnknownTypeError: the pattern matches nothing.
    """
    module, _, type_name = pattern.rpartition(".")
    if type_name != "*":
        return [resolve(pattern)]
    found = {
        _tables().names[t]
        for name, t in _tables().by_name.items()
        if not module or name.startswith(f"{module}.")
    }
    if not found:
        raise UnknownTypeError(pattern)
    return sorted(found)
