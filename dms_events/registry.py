"""Type names to types and back.

A type is known as ``<module>.<GoName>``, for example ``elk_stats.ServiceCall``.
"""

from __future__ import annotations

from difflib import get_close_matches
from types import ModuleType
from typing import Any, Final

from .errors import UnknownTypeError
from .types import (
    capability,
    comparison,
    deployment,
    elk_stats,
    encryption,
    execution,
    firecracker,
    machine,
    network,
    network_config,
    onboarding,
    resource,
    spec_config,
    storage,
    telemetry,
    types,
)

__all__ = ["get", "matching", "name_of", "names", "resolve"]

_GO_NAMES: Final = {machine.Resources: "resources"}
"""Types which Go calls otherwise than Python."""


def _named(module: ModuleType, *python_names: str) -> dict[str, Any]:
    section = module.__name__.rpartition(".")[2]
    types_ = (getattr(module, name) for name in python_names)
    return {f"{section}.{_GO_NAMES.get(type_, type_.__name__)}": type_ for type_ in types_}


_BY_NAME: Final[dict[str, Any]] = {
    **_named(
        capability,
        *("Capability", "Connectivity", "JobType", "KYC", "Library", "Locality"),
        *("PriceInformation", "Storage", "StorageType", "TimeInformation"),
    ),
    **_named(comparison, "Comparison", "ComplexComparison"),
    **_named(
        deployment,
        *("BlockchainTxStatus", "DeploymentRequest", "DeploymentRequestFlat"),
        *("DeploymentResponse", "DeploymentUpdate"),
    ),
    **_named(
        elk_stats,
        *("DeviceResourceChange", "DeviceResourceConfig", "DeviceStatusChange"),
        *("NewDeviceOnboarded", "NewService", "NtxPayment"),
        *("ServiceCall", "ServiceRemove", "ServiceStatus"),
    ),
    **_named(encryption, "EncryptionType"),
    **_named(
        execution,
        *("ExecutionRequest", "ExecutionResult", "Executor", "ExecutorType"),
        *("LogStreamRequest", "SpecConfig"),
    ),
    **_named(
        firecracker,
        *("Actions", "BootSource", "Drives", "MMDSConfig", "MMDSMetadata", "MMDSMsg"),
        *("MachineConfig", "NetworkInterfaces", "VirtualMachine"),
    ),
    **_named(
        machine,
        *("IP", "AvailableResources", "Connection", "ContainerImages", "ElasticToken"),
        *("FreeResources", "Gpu", "KadDHTMachineUpdate", "Libp2pInfo", "Machine", "MachineUUID"),
        *("Machines", "PeerData", "PeerInfo", "PingResult", "Resources"),
        *("ServiceResourceRequirements", "Services"),
    ),
    **_named(network, "MessageInfo", "NetConfig", "NetworkSpec", "NetworkStats"),
    **_named(
        network_config,
        *("Libp2pConfig", "MessageEnvelope", "MessageType", "NetworkConfig", "NetworkType"),
        *("PrivateNetworkConfig",),
    ),
    **_named(
        onboarding,
        *("BlockchainAddressPrivKey", "CapacityForNunet", "LogBinAuth", "Metadata"),
        *("OnboardingStatus", "Provisioned"),
    ),
    **_named(
        resource,
        *("AvailableResources", "CPU", "CPUInfo", "Disk", "ExecutionResources", "FreeResources"),
        *("GPU", "GPUList", "GPUVendor", "NetworkInfo", "RAM", "RequiredResources", "Resources"),
        *("SpecInfo",),
    ),
    **_named(spec_config, "SpecConfig"),
    **_named(storage, "StorageVolume"),
    **_named(telemetry, "CollectorConfig", "ObservabilityLevel", "TelemetryConfig"),
    **_named(types, "BaseDBModel"),
}
"""In the order of the names: of a type that has two, the later one is its own."""
_NAMES = {type_: name for name, type_ in _BY_NAME.items()}

_BARE: dict[str, list[str]] = {}
for _name in _NAMES.values():
    _BARE.setdefault(_name.partition(".")[2], []).append(_name)


def names() -> list[str]:
    """All registry names, sorted."""
    return sorted(_BY_NAME)


def get(name: str) -> Any:
    """The type known as ``name``: a Struct, an enum, or a NewType of what a named Go type is.

    Raises:
        UnknownTypeError: there is none.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownTypeError(name) from None


def name_of(type_: Any) -> str:
    """The registry name of a type.

    Raises:
        UnknownTypeError: ``type_`` is not one of the registry's.
    """
    try:
        return _NAMES[type_]
    except KeyError:
        raise UnknownTypeError(
            getattr(type_, "__qualname__", repr(type_)), "it is not a DMS type"
        ) from None


def resolve(name: str) -> str:
    """The type's own registry name for a full name, or for a bare Go name where it is unique.

    Raises:
        UnknownTypeError: no type has it, or several have.
    """
    if name in _BY_NAME:
        return _NAMES[_BY_NAME[name]]
    candidates = _BARE.get(name, [])
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise UnknownTypeError(name, "say which one: " + ", ".join(candidates))
    near = get_close_matches(name.lower(), [bare.lower() for bare in _BARE], 1)
    if near:
        meant = next(bare for bare in _BARE if bare.lower() == near[0])
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
        _NAMES[t] for name, t in _BY_NAME.items() if not module or name.startswith(f"{module}.")
    }
    if not found:
        raise UnknownTypeError(pattern)
    return sorted(found)
