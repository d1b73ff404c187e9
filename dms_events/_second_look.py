"""What msgspec's typed path refuses, read with ``encoding/json``'s rules.

Keys match exactly first, then whatever their case; ``null`` leaves a scalar or a struct as it was and
empties the rest; what is missing is Go's zero value; unknown keys are ignored. Of a key that comes
again the last scalar counts, while structs, slices and maps are read over what was there. One bad value
rejects the whole document.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from msgspec import inspect

from ._go_kinds import Reader, reader_of
from ._go_values import WrongValueError
from ._json_tree import Replaced, parse
from .fields import described, holds

__all__ = ["read"]

Fail = Callable[[str, str], Exception]
"""Makes the error to raise, of the path and the reason."""


Tools = tuple[Reader, bool, Replaced | None]
"""A reader for a type, whether it minds escapes, and who is to be told of replaced text."""


@cache
def _tools(type_: Any) -> Tools:
    return reader_of(described(type_)), holds(type_, inspect.DateTimeType), None


def read(data: bytes, type_: Any, fail: Fail, tools: Callable[[Any], Tools] = _tools) -> Any:
    """Decode by Go's rules, or raise what ``fail`` makes where Go rejects the document.

    Other ``tools`` than the usual ones can watch which of the rules are applied.
    """
    reader, mark_escaped, replaced = tools(type_)
    try:
        tree = parse(data, mark_escaped=mark_escaped, replaced=replaced)
        return reader.read(tree, None, {})
    except WrongValueError as error:
        path, reason = "".join(reversed(error.path)).lstrip("."), error.reason
    except ValueError as error:
        path, reason = "", str(error)
    raise fail(path, reason)
