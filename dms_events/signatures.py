"""The signature of a user's function, even if its annotations name something unknown."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 14):
    from annotationlib import Format

__all__ = ["needed_arguments", "signature_of"]


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return `inspect.signature`, even if an annotation names something that only type checkers see.

    Python 3.14 evaluates an annotation when it is read, and raises NameError for such a name. Here the
    name stays in the annotation as a ForwardRef. Before 3.14 the function's module decides if an
    annotation is a text or an object.
    """
    if sys.version_info >= (3, 14):
        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def needed_arguments(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the positional arguments that a function needs: those without a default."""
    return [
        parameter
        for parameter in signature_of(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
