"""``dms-events types`` and ``dms-events version``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import version as version_of
from typing import Annotated, Any

import msgspec
import typer

from .. import registry
from ._shared import out, print_columns

__all__ = ["types", "version"]

Row = tuple[str, str, str, str]


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
    print_columns([("wire key", "attribute", "type", "meaning"), *_rows(type_)])


def version() -> None:
    """Print the version."""
    out.print(version_of("dms-events"), markup=False)


def _rows(type_: type[msgspec.Struct], key: str = "", attribute: str = "") -> Iterator[Row]:
    """The fields of a type, those of a Struct in it behind a dot."""
    (_,), components = msgspec.json.schema_components([type_])
    for field in msgspec.structs.fields(type_):
        schema: dict[str, Any] = components[type_.__name__]["properties"][field.encode_name]
        kind = schema.get("type") or schema.get("$ref", "").rpartition("/")[2]
        here = f"{key}{field.encode_name}", f"{attribute}{field.name}"
        yield (*here, kind, schema.get("description", ""))
        if inspect.isclass(field.type) and issubclass(field.type, msgspec.Struct):
            yield from _rows(field.type, f"{here[0]}.", f"{here[1]}.")
