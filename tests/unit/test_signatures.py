"""A signature is read although its annotations name what exists for type checkers only."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from dms_events.signatures import signature_of

ADAPTER = """
class Adapter:
    def __init__(self, url: str, *, tls: Unseen | None = None) -> None: ...
"""


def adapter() -> Any:
    """A class whose module leaves its annotations to the Python that runs it."""
    scope: dict[str, Any] = {}
    exec(compile(ADAPTER, "a module", "exec", dont_inherit=True), scope)
    return scope["Adapter"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="such a class cannot be defined before 3.14")
def test_of_a_class_with_a_name_for_type_checking_only() -> None:
    assert signature_of(adapter()).bind("memory://", tls=None).kwargs == {"tls": None}


def test_an_annotation_that_is_text_stays_as_it_is() -> None:
    def function(it: Unseen) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert signature_of(function).parameters["it"].annotation == "Unseen"
