"""Go's limit for nesting, and a fast test if a document may exceed it, without parsing."""

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
"""A run of opening or closing marks, after text and containers that hold nothing nested.

It matches at every position, so the time grows in proportion to the document.
"""


def may_be_too_deep(data: bytes) -> bool:
    """True if arrays and objects are nested deeper than Go takes; may also be True at Go's limit."""
    if data.count(b"[") + data.count(b"{") <= DEPTH_LIMIT:
        return False
    depth = 0
    for run in _RUNS.finditer(data):
        depth += run.end(1) - run.start(1) - run.end(2) + run.start(2)
        # The pattern may have skipped one more level, because nothing was nested in it.
        if depth >= DEPTH_LIMIT:
            return True
    return False
