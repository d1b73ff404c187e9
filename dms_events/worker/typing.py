"""Types of handlers, for type checkers: which function `Worker.on` takes for which types."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar, overload

import msgspec

from ..bus import Message
from .outcome import Outcome

__all__ = ["Key", "Options", "Register", "RegisterReply", "Wanted"]

T = TypeVar("T")
E = TypeVar("E", bound=msgspec.Struct)
Done: TypeAlias = Coroutine[Any, Any, Outcome | None]
AllDone: TypeAlias = Coroutine[Any, Any, Outcome | Sequence[Outcome | None] | None]
Answered: TypeAlias = Coroutine[Any, Any, msgspec.Struct]
Key: TypeAlias = Callable[[T], Hashable] | None
Wanted: TypeAlias = type[msgspec.Struct] | str
"""A type or a pattern."""


class Options(TypedDict, total=False):
    """The options of `Worker.on`, beside ``key``."""

    attempts: int
    backoff_s: float
    backoff_max_s: float
    timeout_s: float | None
    batch: int | None
    linger_s: float


class Register(Protocol[E]):
    """Takes a handler ``(event)``, ``(event, message)`` or ``(messages)``, and returns it."""

    @overload
    def __call__(self, function: Callable[[E], Done], /) -> Callable[[E], Done]: ...
    @overload
    def __call__(
        self, function: Callable[[E, Message[E]], Done], /
    ) -> Callable[[E, Message[E]], Done]: ...
    @overload
    def __call__(
        self, function: Callable[[list[Message[E]]], AllDone], /
    ) -> Callable[[list[Message[E]]], AllDone]: ...


class RegisterReply(Protocol[E]):
    """Takes a function ``(event)`` or ``(event, message)`` that returns an event, and returns it."""

    @overload
    def __call__(self, function: Callable[[E], Answered], /) -> Callable[[E], Answered]: ...
    @overload
    def __call__(
        self, function: Callable[[E, Message[E]], Answered], /
    ) -> Callable[[E, Message[E]], Answered]: ...
