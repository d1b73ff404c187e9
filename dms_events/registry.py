"""Type names to Structs and back.

A type is known as ``<module>.<GoName>``, for example ``elk_stats.ServiceCall``.
"""

from __future__ import annotations

from difflib import get_close_matches
from types import ModuleType

import msgspec

from .errors import UnknownTypeError
from .types import elk_stats, network_config

__all__ = ["get", "matching", "name_of", "names", "resolve"]


def _public(module: ModuleType, *anonymous: str) -> dict[str, type[msgspec.Struct]]:
    section = module.__name__.rpartition(".")[2]
    return {
        f"{section}.{name}": getattr(module, name)
        for name in module.__all__
        if name not in anonymous
    }


_BY_NAME: dict[str, type[msgspec.Struct]] = {
    **_public(elk_stats, "ResourceValues"),
    **_public(network_config),
}
_NAMES = {type_: name for name, type_ in _BY_NAME.items()}

_BARE: dict[str, list[str]] = {}
for _name in _BY_NAME:
    _BARE.setdefault(_name.partition(".")[2], []).append(_name)


def names() -> list[str]:
    """All registry names, sorted."""
    return sorted(_BY_NAME)


def get(name: str) -> type[msgspec.Struct]:
    """The Struct known as ``name``.

    Raises:
        UnknownTypeError: there is none.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownTypeError(name) from None


def name_of(type_: type) -> str:
    """The registry name of a Struct.

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
    """The registry name for a full name, or for a bare Go name where it is unique.

    Raises:
        UnknownTypeError: no type has it, or several have.
    """
    if name in _BY_NAME:
        return name
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
    """The registry names for ``module.Type``, ``module.*`` or ``*``, sorted.

    Raises:
        UnknownTypeError: the pattern matches nothing.
    """
    if pattern == "*":
        return names()
    module, _, type_name = pattern.partition(".")
    if type_name == "*":
        found = [name for name in names() if name.startswith(f"{module}.")]
        if not found:
            raise UnknownTypeError(pattern)
        return found
    return [resolve(pattern)]
