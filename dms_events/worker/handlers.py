"""Handlers: the user's functions, which types each is for, and how it is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Hashable,
    Iterable,
    MutableSequence,
    Sequence,
)
from typing import Any, get_origin, get_type_hints

import msgspec

from .. import registry
from ..bus import Message
from ..errors import ConfigError, HandlerError
from ..signatures import needed_arguments, signature_of
from .policy import RetryPolicy

__all__ = ["Handler", "Routes", "error_when_raised"]

_BATCH = 100
_LIST = re.compile(r"([\w.]+\.)?[Ll]ist\b")
_LISTS = (list, MutableSequence, Sequence, Collection, Iterable)
"""What a list may be annotated as; no event is any of these."""


class Handler:
    """One function of the user's, and its options.

    Args:
        function: takes an event, or an event and its message; or, of a batch handler, a list of
            messages, which it says in its annotation (``list[Message[T]]``) or with ``batch``.
        retry: what happens when it raises.
        timeout_s: after so long it is cancelled, which counts as a raise; None for never.
        key: what the events are handled in the order of; None for no order.
        batch: most messages of a call of a batch handler.
        linger_s: how long an incomplete batch waits for more.

    Raises:
        ConfigError: the function cannot be called in any of these ways, or a number is out of range.
    """

    __slots__ = (
        "batch",
        "function",
        "key",
        "linger_s",
        "name",
        "plain",
        "retry",
        "takes_message",
        "timeout_s",
    )

    def __init__(
        self,
        function: Callable[..., Awaitable[None]],
        *,
        retry: RetryPolicy,
        timeout_s: float | None,
        key: Callable[[Any], Hashable] | None,
        batch: int | None,
        linger_s: float,
    ) -> None:
        self.name = getattr(function, "__qualname__", repr(function))
        if not inspect.iscoroutinefunction(function):
            raise ConfigError(self.name, "a handler is an async function: async def ...")
        first, count = _signature(function, self.name)
        if batch is not None and batch < 1:
            raise ConfigError("batch", f"must be at least 1, not {batch}")
        if timeout_s is not None and timeout_s <= 0:
            raise ConfigError("timeout_s", f"must be above 0 seconds, or None, not {timeout_s}")
        if linger_s < 0:
            raise ConfigError("linger_s", f"must be seconds from 0 on, not {linger_s}")
        self.batch = batch or (_BATCH if _is_list(first, function, self.name) else 0)
        if self.batch and count != 1:
            raise ConfigError(self.name, "a batch handler takes one argument, a list of messages")
        if self.batch and key:
            raise ConfigError("key", "a batch has no one key; order and batches do not go together")
        self.function = function
        self.takes_message = count == 2
        self.retry = retry
        self.timeout_s = timeout_s
        self.key = key
        self.linger_s = linger_s
        self.plain = not (key or self.batch)
        """Its messages need no arrangement."""

    def call(self, message: Message[Any], rest: Iterable[Message[Any]] = ()) -> Awaitable[None]:
        """Call the function with a message; or with a batch, of which ``rest`` are the others."""
        if self.batch:
            return self.function([message, *rest])
        if self.takes_message:
            return self.function(message.event, message)
        return self.function(message.event)


def error_when_raised(raised: Exception | SystemExit) -> Exception:
    """What a handler raised, as an error of its message. A worker ends by `stop`, not by `sys.exit`."""
    if isinstance(raised, Exception):
        return raised
    error = HandlerError(f"it raised {raised!r}, which does not end the worker")
    error.__cause__ = raised
    return error


def _signature(function: Callable[..., Any], name: str) -> tuple[inspect.Parameter, int]:
    """Its first argument, and how many it needs."""
    parameters = needed_arguments(function)
    count = len(parameters)
    if not 1 <= count <= 2:
        raise ConfigError(name, "a handler takes an event, or an event and its message")
    return parameters[0], count


def _is_list(argument: inspect.Parameter, function: Callable[..., Any], name: str) -> bool:
    """Whether its annotation says that it is a list; also one that stands there as text."""
    if argument.annotation is argument.empty:
        return False

    def alone(it: Any) -> None: ...

    # Of this argument only: what others name may be there for a type checker only.
    alone.__annotations__ = {"it": argument.annotation}
    inner = inspect.unwrap(function)
    inner = getattr(inner, "func", inner)  # of a partial
    try:
        hint = get_type_hints(alone, getattr(inner, "__globals__", {}))["it"]
    except Exception as error:
        argument = signature_of(function, as_written=True).parameters[argument.name]
        text = str(argument.annotation)
        if _LIST.match(text):
            return True
        types = {registry.get(known).__name__ for known in registry.names()}
        if types.issuperset(word.rpartition(".")[2] for word in re.findall(r"[\w.]+", text)):
            return False
        raise ConfigError(
            name,
            f"whether {argument} is a list cannot be told ({error}): give `on` a batch=, or have "
            "what the annotation names at the top of the module, and not for type checking only",
        ) from error
    hint = getattr(hint, "__value__", hint)  # of `type Batch = list[...]`
    return hint is list or get_origin(hint) in _LISTS


class Routes:
    """Which handler is for which type: the most exact of those whose patterns match."""

    def __init__(self) -> None:
        self._by_pattern: dict[str, Handler] = {}

    def add(self, wanted: Iterable[type[msgspec.Struct] | str], handler: Handler) -> None:
        """Have a handler for types or patterns.

        Raises:
            UnknownTypeError: one names nothing.
            ConfigError: none is named, or one has a handler already.
        """
        patterns = [w if isinstance(w, str) else registry.name_of(w) for w in wanted]
        if not patterns:
            raise ConfigError("on", "name at least one type or pattern, or '*' for all")
        for pattern in patterns:
            names = registry.matching(pattern)
            key = pattern if "*" in pattern else names[0]
            if other := self._by_pattern.get(key):
                raise ConfigError(
                    "on", f"{key} has a handler already, {other.name}; call one from the other"
                )
            self._by_pattern[key] = handler

    @property
    def patterns(self) -> list[str]:
        """All patterns, as `Bus.subscribe` takes them."""
        return list(self._by_pattern)

    @property
    def names(self) -> dict[str, str]:
        """The name of the function of each pattern."""
        return {pattern: handler.name for pattern, handler in self._by_pattern.items()}

    def table(self) -> dict[str, Handler]:
        """The handler of each type."""
        table: dict[str, Handler] = {}
        for pattern in sorted(self._by_pattern, key=_exactness):
            for name in registry.matching(pattern):
                table[name] = self._by_pattern[pattern]
        return table


def _exactness(pattern: str) -> int:
    return 0 if pattern == "*" else 1 if pattern.endswith(".*") else 2
