"""``dms-events types`` and ``dms-events version``: look up types, fields and versions."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
import typer

from .. import __version__, registry
from ..schema import embedded, is_a, meaning, rows
from ._shared import out, print_columns

__all__ = ["types", "version"]


def types(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="TYPE", help="Type to show, such as ServiceCall.", show_default="all"
        ),
    ] = None,
) -> None:
    """List the types, or show the fields of one type with their Go types and units."""
    if name is None:
        for known in registry.names():
            out.print(
                f"{known:34} {meaning(registry.get(known)).partition(chr(10))[0]}", markup=False
            )
        return
    known = registry.resolve(name)
    type_ = registry.get(known)
    out.print(f"[bold]{known}[/]")
    out.print(meaning(type_), markup=False)
    if is_a(type_, msgspec.Struct):
        if embeds := embedded(type_):
            out.print(f"Embeds {', '.join(embeds)}.")
        print_columns([("wire key", "attribute", "Go type", "unit", "meaning"), *rows(type_)])
    elif is_a(type_, enum.Enum):
        print_columns([("value", "name"), *((repr(m.value), m.name) for m in type_)])


def version() -> None:
    """Print the version."""
    out.print(__version__, markup=False)
