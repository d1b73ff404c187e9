"""The signature of a function of somebody else's, whatever its annotations name."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 14):
    from annotationlib import Format

__all__ = ["needed_arguments", "signature_of"]


def signature_of(function: Callable[..., Any], *, as_written: bool = False) -> inspect.Signature:
    """`inspect.signature`, also where an annotation names something that only type checkers see.

    Python 3.14 evaluates an annotation when it is asked for, and raises NameError for such a name. Here
    the name stays in the annotation as a ForwardRef, or with ``as_written`` all annotations are text.
    Before 3.14 an annotation is what the function's module made of it, text or an object.
    """
    if sys.version_info >= (3, 14):
        form = Format.STRING if as_written else Format.FORWARDREF
        return inspect.signature(function, annotation_format=form)
    return inspect.signature(function)


def needed_arguments(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The positional arguments that a function must be given; those with defaults are its own."""
    return [
        parameter
        for parameter in signature_of(function).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
