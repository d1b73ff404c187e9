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
"""What each module has. They are imported at the first question, not with the library."""

_GO_NAMES: Final = {"machine.Resources": "machine.resources"}
"""Types which Go calls otherwise than Python."""


class _Tables(NamedTuple):
    by_name: dict[str, Any]
    """In the order of the names: of a type that has two, the later one is its own."""
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
    """All registry names, sorted."""
    return sorted(_tables().by_name)


def get(name: str) -> Any:
    """The type known as ``name``: a Struct, an enum, or a NewType of what a named Go type is.

    Raises:
        UnknownTypeError: there is none.
    """
    try:
        return _tables().by_name[name]
    except KeyError:
        raise UnknownTypeError(name) from None


def name_of(type_: Any) -> str:
    """The registry name of a type.

    Raises:
        UnknownTypeError: ``type_`` is not one of the registry's.
    """
    try:
        return _tables().names[type_]
    except KeyError:
        raise UnknownTypeError(
            getattr(type_, "__qualname__", repr(type_)), "it is not a DMS type"
        ) from None


def resolve(name: str) -> str:
    """The type's own registry name for a full name, or for a bare Go name where it is unique.

    Raises:
        UnknownTypeError: no type has it, or several have.
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
    """The types' own registry names for ``module.Type``, ``module.*`` or ``*``, sorted.

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
