"""Annotations: check that a handler is annotated for the arguments that it gets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, MutableSequence, Sequence
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from .. import registry
from ..bus import Message
from ..errors import ConfigError
from ..signatures import needed_arguments

__all__ = ["check_annotations"]

_LISTS: Final = (list, MutableSequence, Sequence, Collection, Iterable)
"""Annotations that a list fits; no event is of any of these types."""


def check_annotations(
    function: Callable[..., Any],
    types: Iterable[str],
    *,
    batch: bool,
) -> None:
    """Refuse a handler that is annotated for other arguments than it gets.

    Only classes, unions of classes, `Message` and lists of them are checked, if the annotation can be
    resolved.

    Args:
        function: the handler.
        types: the type names of the events.
        batch: the handler is called with a list of messages.

    Raises:
        ConfigError: an annotation does not fit; the reason names the argument.
    """
    first, *rest = needed_arguments(function)
    found = _resolved(first, function)
    if get_origin(found) in _LISTS or found in _LISTS:
        if not batch:
            raise ConfigError(
                _name(function), f"{first} is a list: give batch=… to make this a batch handler"
            )
        found = next(iter(get_args(found)), None)
    elif batch and _is_class(found):
        raise ConfigError(
            _name(function), f"{first} is not a list, but a batch handler gets a list"
        )
    wanted: dict[str, Any] = {name: registry.get(name) for name in types}
    if batch:
        _check_message(function, first, found, wanted)
        return
    _check_event(function, first, found, wanted)
    for second in rest:
        _check_message(function, second, _resolved(second, function), wanted)


def _check_event(
    function: Callable[..., Any], argument: inspect.Parameter, found: Any, wanted: dict[str, Any]
) -> None:
    """Check that the annotation admits each of the types."""
    classes = get_args(found) if get_origin(found) in (Union, UnionType) else (found,)
    if not all(map(_is_class, classes)):
        return
    for name, type_ in wanted.items():
        if _is_class(type_) and not issubclass(type_, classes):
            reason = f"{argument} does not admit {name}, the type that it is to handle"
            raise ConfigError(_name(function), reason)


def _check_message(
    function: Callable[..., Any], argument: inspect.Parameter, found: Any, wanted: dict[str, Any]
) -> None:
    if get_origin(found) is Message:
        _check_event(function, argument, get_args(found)[0], wanted)
    elif _is_class(found) and not issubclass(Message, found):
        reason = f"{argument} is not a Message: a handler takes (event) or (event, message)"
        raise ConfigError(_name(function), reason)


def _is_class(annotation: Any) -> bool:
    return isinstance(annotation, type) and annotation is not Any and not get_origin(annotation)


def _resolved(argument: inspect.Parameter, function: Callable[..., Any]) -> Any:
    """Return the annotation as an object, also if it is text; None if it cannot be resolved."""
    if argument.annotation is argument.empty:
        return None

    def alone(it: Any) -> None: ...

    # Resolve this argument only: others may use names that exist for a type checker only.
    alone.__annotations__ = {"it": argument.annotation}
    inner = inspect.unwrap(function)
    inner = getattr(inner, "func", inner)  # of a partial
    try:
        hint = get_type_hints(alone, getattr(inner, "__globals__", {}))["it"]
    except Exception:  # noqa: BLE001 - it is the user's text, and evaluating it may do anything
        return None
    return getattr(hint, "__value__", hint)  # of `type Batch = list[...]`


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
