"""`make soak` takes tests by their marks, so what has another size there needs one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.kit.paths import TESTS

SIZES = {"sized", "soak_rounds", "seeded", "SOAK"}
MARKS = {"soak", "slow"}


def marked(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr in MARKS for part in ast.walk(node))


def has_sizes(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Name) and part.id in SIZES for part in ast.walk(node))


def unmarked(source: str) -> Iterator[str]:
    """What has sizes at the top of a module, and no mark; a helper that has them needs the module's."""
    top = ast.parse(source).body
    for node in top:
        if ast.unparse(node).startswith("pytestmark") and marked(node):
            return
    for node in top:
        decorators = getattr(node, "decorator_list", [])
        if has_sizes(node) and not any(map(marked, decorators)):
            yield getattr(node, "name", "") or ast.unparse(node)


def test_every_test_that_has_a_size_for_the_soak_has_a_mark_for_it() -> None:
    found = {str(path): list(unmarked(path.read_text())) for path in TESTS.rglob("test_*.py")}
    assert len(found) > 50
    assert {name: without for name, without in found.items() if without} == {}


def test_a_size_without_a_mark_is_found() -> None:
    size = "    total = sized(1, 2)\n"
    assert list(unmarked(f"async def test_it() -> None:\n{size}")) == ["test_it"]
    assert list(unmarked("TOTAL = sized(1, 2)")) == ["TOTAL = sized(1, 2)"]
    assert list(unmarked("pytestmark = pytest.mark.soak\nTOTAL = sized(1, 2)")) == []
    assert list(unmarked(f"@pytest.mark.slow\ndef test_it() -> None:\n{size}")) == []
