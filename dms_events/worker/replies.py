"""Replies: the part of a worker that answers requests, beside the messages that it handles."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from .. import registry
from ..aio import set_within, task_group, until_first
from ..bus import Bus
from ..errors import ConfigError
from .annotations import check_annotations
from .run import Ending
from .stats import Stats
from .typing import RegisterReply

__all__ = ["Replies"]

_log = logging.getLogger("dms_events")

A = TypeVar("A", bound=msgspec.Struct)


class _Reply(msgspec.Struct, frozen=True):
    type_: type[msgspec.Struct]
    function: Callable[..., Coroutine[Any, Any, msgspec.Struct]]
    concurrency: int
    timeout_s: float | None

    @property
    def name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))


class Replies:
    """The functions that answer requests, by type."""

    def __init__(self) -> None:
        self._replies: dict[str, _Reply] = {}

    def reply(
        self, type_: type[A], /, *, concurrency: int = 10, timeout_s: float | None = 60.0
    ) -> RegisterReply[A]:
        """Answer requests of a type with a function, as `Bus.respond` does, while the worker runs.

            @worker.reply(DeploymentRequest)
            async def deploy(event: DeploymentRequest) -> DeploymentResponse: ...

        The function takes an event, or an event and its message, and returns an event. It stays as it
        is, so a test can call it. A worker that only replies takes no durable.

        Args:
            type_: the type of the requests.
            concurrency: requests that are handled at a time, beside the worker's messages.
            timeout_s: how long a request may wait and be handled, both together; None for no limit.

        Raises:
            UnknownTypeError: it is not a DMS type.
            ConfigError: the type has a function already, or the function is annotated for something else.
        """
        name = registry.name_of(type_)

        def register(function: Any) -> Any:
            if other := self._replies.get(name):
                raise ConfigError("reply", f"{name} has a function already, {other.name}")
            check_annotations(function, [name], batch=False)
            self._replies[name] = _Reply(type_, function, concurrency, timeout_s)
            return function

        return register

    @property
    def replies(self) -> dict[str, str]:
        """The name of the function for each type whose requests are answered."""
        return {type_name: reply.name for type_name, reply in self._replies.items()}

    async def _answer_beside(
        self,
        work: Coroutine[Any, Any, None],
        bus: Bus,
        ending: Ending,
        stats: Stats,
        drain_s: float,
    ) -> None:
        """Do the work, and answer requests until it has ended or the worker is stopped."""
        if not self._replies:
            await work
            return
        ended = asyncio.Event()

        async def answer(reply: _Reply) -> None:
            responder = bus.respond(
                reply.type_,
                reply.function,
                concurrency=reply.concurrency,
                timeout_s=reply.timeout_s,
                drain_s=drain_s,
            )
            try:
                async with responder:
                    _log.info("requests on %s are answered by %s", bus.where, reply.name)
                    stopping = set_within(ending.stopping, None)
                    await until_first(stopping, set_within(ended, None))
            finally:
                stats.answered += responder.answered
                stats.refused += responder.refused
                stats.differing_claims_of_requests += responder.differing_claims

        async with task_group() as tasks:
            for reply in self._replies.values():
                tasks.create_task(answer(reply))
            try:
                await work
            finally:
                ended.set()
