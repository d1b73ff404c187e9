"""``dms-events types`` and ``dms-events version``."""

from __future__ import annotations

import inspect
from importlib.metadata import version as version_of
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from .. import registry
from ._shared import out

__all__ = ["types", "version"]


def types(
    name: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="For example ServiceCall.")
    ] = None,
) -> None:
    """List the types, or show the keys of one."""
    if name is None:
        for known in registry.names():
            summary = (inspect.getdoc(registry.get(known)) or "").partition("\n")[0]
            out.print(f"{known:34} {summary}", markup=False)
        return
    known = registry.resolve(name)
    type_ = registry.get(known)
    out.print(f"[bold]{known}[/]")
    out.print(inspect.getdoc(type_) or "", markup=False)
    table = Table("wire key", "attribute", "type", "meaning")
    for key, schema in _properties(type_):
        attribute = next(f.name for f in msgspec.structs.fields(type_) if f.encode_name == key)
        kind = schema.get("type") or schema.get("$ref", "").rpartition("/")[2]
        table.add_row(key, attribute, kind, schema.get("description", ""))
    out.print(table)


def version() -> None:
    """Print the version."""
    out.print(version_of("dms-events"), markup=False)


def _properties(type_: type[msgspec.Struct]) -> list[tuple[str, dict[str, Any]]]:
    (_,), components = msgspec.json.schema_components([type_])
    return list(components[type_.__name__]["properties"].items())
