"""Handlers: the user's functions, which types each is for, and how it is called."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Hashable, Iterable
from math import inf
from typing import Any

import msgspec

from .. import registry
from ..bus import Message
from ..errors import ConfigError, HandlerError
from ..signatures import needed_arguments
from .annotations import check_annotations
from .policy import RetryPolicy

__all__ = ["Handler", "Routes", "error_when_raised"]


class Handler:
    """A function of the user, and its options.

    Args:
        function: takes an event, or an event and its message; with ``batch``, a list of messages.
        retry: how often the function may raise on a message, and the waits in between.
        timeout_s: after so long it is cancelled, which counts as a raise; None for never.
        key: returns the key of an event; events of equal keys are handled in order. None for no order.
        batch: most messages of a call; None for a handler of one message.
        linger_s: how long an incomplete batch waits for more.
        batch_bytes: a batch with so many bytes is complete.
        fatal: an error that it raises ends the run, and spends no attempt.

    Raises:
        ConfigError: the function cannot be called in any of these ways, or a number is out of range.
    """

    __slots__ = (
        "batch",
        "batch_bytes",
        "fatal",
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
        function: Callable[..., Awaitable[object]],
        *,
        retry: RetryPolicy,
        timeout_s: float | None,
        key: Callable[[Any], Hashable] | None,
        batch: int | None,
        linger_s: float,
        batch_bytes: float = inf,
        fatal: bool = False,
    ) -> None:
        self.name = getattr(function, "__qualname__", repr(function))
        if not inspect.iscoroutinefunction(function):
            raise ConfigError(self.name, "a handler must be an async function: async def ...")
        count = len(needed_arguments(function))
        if not 1 <= count <= 2:
            raise ConfigError(
                self.name, "a handler must take an event, or an event and its message"
            )
        if batch is not None and batch < 1:
            raise ConfigError("batch", f"must be at least 1, not {batch}")
        if timeout_s is not None and timeout_s <= 0:
            raise ConfigError("timeout_s", f"must be above 0 seconds, or None, not {timeout_s}")
        if linger_s < 0:
            raise ConfigError("linger_s", f"must be 0 seconds or more, not {linger_s}")
        self.batch = batch or 0
        self.batch_bytes = batch_bytes
        self.fatal = fatal
        if self.batch and count != 1:
            raise ConfigError(
                self.name, "a batch handler must take one argument, a list of messages"
            )
        if self.batch and key:
            raise ConfigError(
                "key",
                "a batch handler cannot have a key: the messages of a batch may have several keys",
            )
        self.function = function
        self.takes_message = count == 2
        self.retry = retry
        self.timeout_s = timeout_s
        self.key = key
        self.linger_s = linger_s
        self.plain = not (key or self.batch)
        """True if its messages need no order and no batch."""

    def call(self, message: Message[Any], rest: Iterable[Message[Any]] = ()) -> Awaitable[object]:
        """Call the function with a message; a batch handler with a list of it and ``rest``."""
        if self.batch:
            return self.function([message, *rest])
        if self.takes_message:
            return self.function(message.event, message)
        return self.function(message.event)


def error_when_raised(raised: Exception | SystemExit) -> Exception:
    """Return the error of a handler, for its message. A worker ends by `stop`, not by `sys.exit`."""
    if isinstance(raised, Exception):
        return raised
    error = HandlerError(f"its handler raised {raised!r}, which does not end the worker")
    error.__cause__ = raised
    return error


class Routes:
    """The handler of each type: the one with the most exact of the patterns that match."""

    def __init__(self) -> None:
        self._by_pattern: dict[str, Handler] = {}

    def add(self, wanted: Iterable[type[msgspec.Struct] | str], handler: Handler) -> None:
        """Add a handler for types or patterns.

        Raises:
            UnknownTypeError: a type or pattern names nothing.
            ConfigError: no type is named, a type or pattern has a handler already, or the handler is
                annotated for something else.
        """
        patterns = [w if isinstance(w, str) else registry.name_of(w) for w in wanted]
        if not patterns:
            raise ConfigError("on", "name at least one type or pattern, or '*' for all")
        names = {pattern: registry.matching(pattern) for pattern in patterns}
        check_annotations(
            handler.function,
            [name for found in names.values() for name in found],
            batch=bool(handler.batch),
        )
        for pattern, found in names.items():
            key = pattern if "*" in pattern else found[0]
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
        """The name of the function for each pattern."""
        return {pattern: handler.name for pattern, handler in self._by_pattern.items()}

    def table(self) -> dict[str, Handler]:
        """Return the handler of each type."""
        table: dict[str, Handler] = {}
        for pattern in sorted(self._by_pattern, key=_exactness):
            for name in registry.matching(pattern):
                table[name] = self._by_pattern[pattern]
        return table


def _exactness(pattern: str) -> int:
    return 0 if pattern == "*" else 1 if pattern.endswith(".*") else 2
