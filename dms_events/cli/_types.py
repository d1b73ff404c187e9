"""``dms-events types`` and ``dms-events version``."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from importlib.metadata import version as version_of
from typing import Annotated, Any, NewType

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
            out.print(
                f"{known:34} {_meaning(registry.get(known)).partition(chr(10))[0]}", markup=False
            )
        return
    known = registry.resolve(name)
    type_ = registry.get(known)
    out.print(f"[bold]{known}[/]")
    out.print(_meaning(type_), markup=False)
    if _is(type_, msgspec.Struct):
        print_columns([("wire key", "attribute", "type", "meaning"), *_rows(type_)])
    elif _is(type_, enum.Enum):
        print_columns([("value", "name"), *((repr(m.value), m.name) for m in type_)])


def version() -> None:
    """Print the version."""
    out.print(version_of("dms-events"), markup=False)


def _is(type_: Any, base: type) -> bool:
    return inspect.isclass(type_) and issubclass(type_, base)


def _text(type_: type) -> dict[str, Any]:
    """How a type that msgspec does not know is shown."""
    return {"type": "string"}


def _meaning(type_: Any) -> str:
    """What a type says of itself; a named list, map or string says what it is."""
    if isinstance(type_, NewType):
        of = type_.__supertype__
        return f"a named {of.__name__ if inspect.isclass(of) else of}"
    return inspect.getdoc(type_) or ""


def _rows(type_: type[msgspec.Struct], key: str = "", attribute: str = "") -> Iterator[Row]:
    """The fields of a type, those of a Struct in it behind a dot."""
    (_,), components = msgspec.json.schema_components([type_], schema_hook=_text)
    for field in msgspec.structs.fields(type_):
        schema: dict[str, Any] = components[type_.__name__]["properties"][field.encode_name]
        kind = schema.get("type") or schema.get("$ref", "").rpartition("/")[2]
        here = f"{key}{field.encode_name}", f"{attribute}{field.name}"
        yield (*here, kind, schema.get("description", ""))
        if _is(field.type, msgspec.Struct):
            yield from _rows(field.type, f"{here[0]}.", f"{here[1]}.")
