"""How deep Go lets a document be nested, and whether one may be too deep, told without reading it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DEPTH_LIMIT", "may_be_too_deep"]

DEPTH_LIMIT: Final = 10_000
_FLAT = rb"""(?: [^"\[\]{}]++ | "[^"\\]*+ (?:\\.[^"\\]*+)*+ "? )"""
_RUNS: Final = re.compile(
    rb"(?: %b | [\[{] %b*+ [\]}] )*+  (?: ([\[{]++) | ([\]}]++) | \Z )" % (_FLAT, _FLAT),
    re.DOTALL | re.VERBOSE,
)
"""Opening or closing marks in a row, after all that holds nothing nested.

It matches wherever it begins, so the time grows with the document.
"""


def may_be_too_deep(data: bytes) -> bool:
    """True if arrays and objects are nested deeper than Go takes; it may be true at Go's limit too."""
    if data.count(b"[") + data.count(b"{") <= DEPTH_LIMIT:
        return False
    depth = 0
    for run in _RUNS.finditer(data):
        depth += run.end(1) - run.start(1) - run.end(2) + run.start(2)
        # One level more may have been passed over, because nothing was nested in it.
        if depth >= DEPTH_LIMIT:
            return True
    return False
