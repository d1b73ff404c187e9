"""The reference of the types is what the Structs say, and what they say of Go is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from dms_events import registry
from dms_events.schema import embedded, go_type, is_a, meaning, rows
from dms_events.types.elk_stats import ServiceCall
from docs.make_types import FOLDER, FROM_THE_SOURCE, pages
from tests.kit.documents.golden import GOLDEN

SCHEMA = json.loads((GOLDEN / "schema.json").read_text())["types"]
SECTIONS = {"elk": "elk_stats", "executor": "execution"}
PAGES = pages()


def registry_name(golden: str) -> str:
    section, _, name = golden.partition(".")
    return registry.resolve(f"{SECTIONS.get(section, section)}.{name}")


OURS = {declared["go_type"]: registry_name(declared["type"]) for declared in SCHEMA}
OURS |= {"types.BaseDBModel": "types.BaseDBModel"}
DECLARED = {registry_name(declared["type"]): declared for declared in SCHEMA}
STRUCTS = [name for name in registry.names() if is_a(registry.get(name), msgspec.Struct)]


ONLY_EMBEDS = re.compile(r"struct \{ (\w+\.\w+) \}")
"""Our one exception: an anonymous struct that has nothing but what it embeds is that."""


def in_our_words(go: str) -> str:
    """A Go type with our modules for its packages, and no more than ``struct`` for an anonymous one."""
    if found := ONLY_EMBEDS.fullmatch(go):
        go = found[1]
    elif go.startswith("struct {"):
        return "struct"
    go = re.sub(r"\w+\.\w+", lambda found: OURS.get(found[0], found[0]), go)
    return go.replace("interface {}", "any").replace("[]uint8", "[]byte")


def declared_rows(fields: list[dict[str, Any]], key: str = "") -> Iterator[tuple[str, str]]:
    """Wire keys and Go types, as the schema has them; ``struct`` is only what has no name."""
    for field in fields:
        here = f"{key}{field['key']}"
        go = in_our_words(field["go_type"])
        yield here, go
        if go == "struct":
            yield from declared_rows(field["wire"]["fields"], f"{here}.")


def test_the_pages_are_those_that_the_structs_make() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    stale = {name for name in PAGES.keys() | there.keys() if PAGES.get(name) != there.get(name)}
    assert not stale, "docs/types is not what the Structs say: run `make reference`"


@pytest.mark.parametrize("name", [n for n in STRUCTS if n in DECLARED])
def test_the_go_type_of_every_field_is_gos(name: str) -> None:
    found = [(row.key, row.go_type) for row in rows(registry.get(name), into=_has_no_name)]
    assert found == list(declared_rows(DECLARED[name]["fields"]))


def _has_no_name(type_: type[msgspec.Struct]) -> bool:
    return all(registry.get(name) is not type_ for name in registry.names())


@pytest.mark.parametrize("name", [n for n in STRUCTS if n in DECLARED])
def test_what_go_embeds_is_noted(name: str) -> None:
    declared = [in_our_words(d["go_type"]) for d in DECLARED[name]["decl"] if d.get("embedded")]
    assert embedded(registry.get(name)) == declared


@pytest.mark.parametrize("name", STRUCTS)
def test_every_field_has_a_meaning(name: str) -> None:
    assert [row.key for row in rows(registry.get(name)) if not row.meaning] == []


UNITS = {"_ms": "ms", "_hz": "Hz", "_mib": "MiB", "mhz_per_core": "MHz", "per_minute": "NTX/min"}


@pytest.mark.parametrize("name", STRUCTS)
def test_a_field_whose_name_says_its_unit_has_it(name: str) -> None:
    for row in rows(registry.get(name)):
        for end, unit in UNITS.items():
            if row.attribute.endswith(end):
                assert row.unit == unit, row


def test_a_unit_reaches_the_json_schema_beside_the_meaning() -> None:
    schema = msgspec.json.schema(ServiceCall)
    used = schema["$defs"]["ServiceCall"]["properties"]["MemoryUsed"]
    assert (used["unit"], used["description"]) == ("MB", "memory used by the job")


def test_named_types_say_what_they_are() -> None:
    for name, declared in DECLARED.items():
        type_ = registry.get(name)
        assert meaning(type_)
        if declared["go_kind"] in ("slice", "map"):
            wire = go_type(inspect.type_info(type_))
            assert wire.startswith({"slice": "[]", "map": "map[string]"}[declared["go_kind"]])
            assert wire in meaning(type_)


def test_secrets_are_marked() -> None:
    [row] = [r for r in rows(registry.get("onboarding.LogBinAuth")) if r.key == "token"]
    assert row.meaning == "token for LogBin; secret"


def test_what_the_readme_does_not_declare_is_named() -> None:
    undeclared = {n for n in registry.names() if registry.resolve(n) not in DECLARED}
    assert undeclared == {
        n for n in registry.names() if any(fnmatch(n, pattern) for pattern in FROM_THE_SOURCE)
    }


def test_every_link_leads_to_a_heading() -> None:
    headings = {
        (page, heading.lower())
        for page, text in PAGES.items()
        for heading in re.findall(r"^## (\S+)$", text, re.MULTILINE)
    }
    assert len(headings) == len(registry.names())
    for page, text in PAGES.items():
        for link in re.findall(r"\]\(([^)]+)\)", text):
            target, _, anchor = link.partition("#")
            assert target in ("", *PAGES)
            assert not anchor or (target or page, anchor) in headings, (page, link)
