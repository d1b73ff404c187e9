"""Compare the indices that exist with the declaration. Their settings and fields come from a template
once, when they are made, and not again when the template changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from dms_events.sink import dataset_of, storable_types

from ..names import Names, month_end, origination_date
from .cluster import Index
from .compare import flat

__all__ = ["Mismatch", "differing_fields", "dynamic_options", "missing_fields", "types_of_indices"]

_CHANGEABLE: Final = ("ignore_above", "meta.")
"""Parameters of a field that can be changed in an index that exists."""


class Mismatch(NamedTuple):
    """A parameter of a field that an index has otherwise."""

    path: str
    """Of the field."""
    parameter: str
    declared: str
    actual: str

    @property
    def changeable(self) -> bool:
        """True if the index can be changed."""
        return self.parameter.startswith(_CHANGEABLE)


def types_of_indices(names: Names, indices: Mapping[str, Index]) -> Iterator[tuple[str, str]]:
    """Yield each index that is one of our months, and its type."""
    types = {names.of(dataset_of(name)): name for name in storable_types()}
    for index in indices:
        if (type_name := types.get(index.rpartition("-")[0])) and month_end(index):
            yield index, type_name


def missing_fields(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``wanted`` fields that ``found`` lacks; of an object, only its missing fields."""
    missing: dict[str, Any] = {}
    for name, field in wanted.items():
        if name not in found:
            missing[name] = field
        elif inner := missing_fields(
            field.get("properties", {}), found[name].get("properties", {})
        ):
            missing[name] = {"properties": inner}
    return missing


def differing_fields(
    wanted: Mapping[str, Any], found: Mapping[str, Any], path: str = ""
) -> Iterator[Mismatch]:
    """Yield how fields that both have differ; a field is not compared further if its type differs."""
    for name in filter(found.__contains__, wanted):
        own, other = dict(wanted[name]), dict(found[name])
        inner, other_inner = own.pop("properties", {}), other.pop("properties", {})
        # An object has no type of its own in a mapping that the server wrote.
        declared, actual = {"type": "object", **flat(own)}, {"type": "object", **flat(other)}
        parameters = sorted({**declared, **actual})
        if declared["type"] != actual["type"]:
            parameters = ["type"]
        for parameter in parameters:
            pair = declared.get(parameter, ""), actual.get(parameter, "")
            if pair[0] != pair[1]:
                yield Mismatch(path + name, parameter, *pair)
        yield from differing_fields(inner, other_inner, f"{path}{name}.")


def dynamic_options(options: Mapping[str, Any], index: str, *, dated: bool) -> dict[str, str]:
    """Return the settings that an index is to have, by path.

    Args:
        options: of the component template.
        index: its name.
        dated: True if indices age from the end of their month.
    """
    wanted = flat(options)
    if dated and (date := origination_date(index)):
        wanted["lifecycle.origination_date"] = str(date)
    return wanted
