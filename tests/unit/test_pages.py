"""The pages of the project: their links lead somewhere, and the files that they name are there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.kit.paths import HOME

DESIGN = HOME / "docs" / "design"
PAGES = [
    HOME / "README.md",
    HOME / "CONTRIBUTING.md",
    *sorted((HOME / "docs").rglob("*.md")),
]
MOST_LINES = 120

_FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z]+:", re.IGNORECASE)
_MODULE = re.compile(r"[\w/-]+\.py")


def named(page: Path) -> str:
    return str(page.relative_to(HOME))


@cache
def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.findall(prose(page)):
        text = _LINK.sub(lambda link: link[0].partition("]")[0][1:], heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(found)


def relative_links(page: Path) -> list[str]:
    text = _SPAN.sub(lambda span: re.sub(r"[\[\]()]", "", span[0]), prose(page))
    return [link for link in _LINK.findall(text) if not _ELSEWHERE.match(link)]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or (target.suffix == ".md" and anchor in anchors(target))


def mapped_files() -> Iterator[str]:
    """The files that the map in CONTRIBUTING.md names."""
    table = (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Where is …?")[2]
    for span in _SPAN.findall(table):
        if "/" in span:
            yield span


def modules_of_the_design() -> Iterator[tuple[str, str]]:
    for page in sorted(DESIGN.glob("*.md")):
        for span in _SPAN.findall(prose(page)):
            if _MODULE.fullmatch(span):
                yield page.name, span


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = [link for link in relative_links(page) if not leads_somewhere(page, link)]
    assert broken == []


def test_the_index_of_the_documents_leads_to_every_guide() -> None:
    index = {link.partition("#")[0] for link in relative_links(HOME / "docs" / "README.md")}
    guides = {page.name for page in (HOME / "docs").glob("*.md")} - {"README.md"}
    assert guides <= index


def test_the_index_of_the_design_leads_to_every_page() -> None:
    index = {link.partition("#")[0] for link in relative_links(DESIGN / "README.md")}
    assert {page.name for page in DESIGN.glob("*.md")} - {"README.md"} <= index


@pytest.mark.parametrize("page", sorted(DESIGN.glob("*.md")), ids=named)
def test_a_page_of_the_design_is_read_at_one_sitting(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_map_names_files_that_are_there() -> None:
    files = list(mapped_files())
    assert len(files) >= 26
    assert [file for file in files if not (HOME / file).is_file()] == []


def test_the_design_names_modules_that_are_there() -> None:
    there = [
        f"/{path.relative_to(HOME).as_posix()}"
        for top in ("dms_events", "adapters", "docs", "tests")
        for path in (HOME / top).rglob("*.py")
    ]
    gone = [
        (page, module)
        for page, module in modules_of_the_design()
        if not any(path.endswith(f"/{module}") for path in there)
    ]
    assert gone == []


def test_the_guarantees_name_tests_that_are_there() -> None:
    page = HOME / "docs" / "guarantees.md"
    tests = [
        name
        for row in prose(page).split("\n")
        if row.startswith("|")
        for name in _SPAN.findall(row)
    ]
    named_tests = {name for name in tests if _MODULE.fullmatch(name)}
    assert len(named_tests) > 20
    roots = (HOME / "tests", HOME / "dms_events" / "testing")
    assert [n for n in sorted(named_tests) if not any((r / n).exists() for r in roots)] == []
