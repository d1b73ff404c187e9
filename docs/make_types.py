"""Make the pages of ``docs/types`` from the Structs: ``make reference``.

A test fails if the committed pages differ from the pages that this makes.
"""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from dms_events import registry
from dms_events.schema import Row, embedded, is_a, meaning, registry_name, rows

__all__ = ["FOLDER", "FROM_THE_SOURCE", "pages"]

FOLDER = Path(__file__).parent / "types"
FROM_THE_SOURCE = [
    *("capability.*", "comparison.*", "encryption.EncryptionType", "resource.ExecutionResources"),
]
"""Types that the README of the DMS package names or uses, but does not declare."""

_MADE = (
    "<!-- Made from dms_events/types by `make reference`. Change it there, not on this page. -->"
)
_INDEX = f"""{_MADE}

# Types

These pages describe the types of the DMS `types` package, one page for each of its sections. The table
of a type has for each field the key on the wire, the attribute in Python, the Go type, the unit if it is
known, and the meaning. A Go package has the same name as the Python module. The type `struct` has no name
in Go; the fields inside it follow in the same table, with a dot in their keys.

The README of the package declares most of these types. A test compares them with the README's schema,
field by field. The other types are taken from the source of the DMS:
{", ".join(f"`{name}`" for name in FROM_THE_SOURCE)}.

| section | Go name | what it is |
| --- | --- | --- |
"""


def pages() -> dict[str, str]:
    """Return the text of each page, by the name of its file."""
    sections: dict[str, list[str]] = {}
    for name in registry.names():
        sections.setdefault(name.partition(".")[0], []).append(name)
    found = {f"{section}.md": _page(section, names) for section, names in sections.items()}
    lines = [
        f"| [{section}]({section}.md) | {_link(name, '')} | {_first_line(name)} |"
        for section, names in sections.items()
        for name in names
    ]
    return {"README.md": _INDEX + "\n".join(lines) + "\n", **found}


def _page(section: str, names: list[str]) -> str:
    module = import_module(f"dms_events.types.{section}")
    parts = [_MADE, f"# {section}", _text(module.__doc__ or "")]
    for name in names:
        parts += [f"## {name.partition('.')[2]}", *_type(section, name)]
    return "\n\n".join(parts) + "\n"


def _type(section: str, name: str) -> Iterator[str]:
    type_ = registry.get(name)
    if registry.resolve(name) != name:
        yield f"The same as {_link(registry.resolve(name), section)}."
        return
    yield _text(meaning(type_))
    if is_a(type_, msgspec.Struct):
        if embeds := embedded(type_):
            yield f"Embeds {', '.join(_linked(other, section) for other in embeds)}."
        if type_.__struct_config__.omit_defaults:
            yield "A field is left out if its value is zero."
        if fields := list(rows(type_, into=_is_anonymous)):
            yield _table(fields, section)
    elif is_a(type_, enum.Enum):
        lines = [f"| `{member.value}` | `{member.name}` |" for member in type_]
        yield "\n".join(["| value | name |", "| --- | --- |", *lines])


def _is_anonymous(type_: Any) -> bool:
    return not registry_name(type_)


def _table(fields: list[Row], section: str) -> str:
    lines = [
        f"| `{key}` | `{attribute}` | {_linked(go, section)} | {unit} | {_cell(text)} |"
        for key, attribute, go, unit, text in fields
    ]
    head = "| wire key | attribute | Go type | unit | meaning |", "| --- | --- | --- | --- | --- |"
    return "\n".join([*head, *lines])


def _linked(go: str, section: str) -> str:
    """Return a Go type, with a link if it is one of ours."""
    found = re.search(r"\w+\.\w+$", go)
    if found is None or found[0] not in registry.names():
        return f"`{go}`"
    before = go[: found.start()]
    return f"`{before}` {_link(found[0], section)}" if before else _link(found[0], section)


def _link(name: str, section: str) -> str:
    module, _, go_name = name.partition(".")
    page = "" if module == section else f"{module}.md"
    return f"[`{go_name if not page else name}`]({page}#{go_name.lower()})"


def _text(text: str) -> str:
    return text.strip().replace("``", "`")


def _first_line(name: str) -> str:
    return _cell(meaning(registry.get(name)).partition("\n")[0])


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")


def main() -> None:
    """Write the pages, and delete the pages of sections that do not exist any more."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(made)} pages in {FOLDER}", file=sys.stderr)


if __name__ == "__main__":
    main()
