"""A responder: answers the requests of one type with a function, some at a time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from .. import codec, registry
from ..dead_letters import may_hold_secret
from ..dead_letters.letter import bounded, text_of
from ..envelope import Envelope, encode_envelope
from ..errors import (
    ConfigError,
    DecodeError,
    EncodeError,
    HandlerError,
    Reject,
    TransportError,
    UnknownTypeError,
)
from ..identity import new_id, now_rfc3339
from ..signatures import needed_arguments
from ..transport import RequestDelivery, SupportsRequests, Transport, needed
from .claims import DifferingClaims
from .failure_log import log_failure
from .message import Message
from .replies import ERROR_TYPE, Code, ErrorReply, encoding_of, open_event
from .sealing import Sealer

__all__ = ["Responder"]

T = TypeVar("T", bound=msgspec.Struct)

_MOST_HELD = 1_000
_MOST_BYTES = 64 << 20
_WITHHELD = "its words are withheld, because a type of this request holds a secret"


class _NoAnswerError(Exception):
    """The responder must send an error in place of an answer."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Responder(Generic[T]):
    """Answers requests of one type, for as long as its ``async with`` lasts; `Bus.respond` makes it.

    It handles up to ``concurrency`` requests at a time and holds up to 1,000 (64 MiB). A request beyond
    that is answered ``busy``. On leaving, it takes no more requests and goes on with those that it holds
    for up to ``drain_s`` (0 s if the block was cancelled); the rest are answered ``stopping``.
    """

    def __init__(
        self,
        transport: Transport,
        sealer: Sealer,
        aliases: Mapping[str, str],
        type_: type[T],
        function: Callable[..., Awaitable[msgspec.Struct]],
        *,
        concurrency: int,
        timeout_s: float | None,
        drain_s: float,
    ) -> None:
        name = getattr(function, "__qualname__", repr(function))
        if not inspect.iscoroutinefunction(function):
            raise ConfigError(name, "a handler must be an async function: async def ...")
        count = len(needed_arguments(function))
        if not 1 <= count <= 2:
            raise ConfigError(name, "a handler must take an event, or an event and its message")
        if concurrency < 1:
            raise ConfigError("concurrency", f"must be at least 1, not {concurrency}")
        if timeout_s is not None and not timeout_s > 0:
            raise ConfigError("timeout_s", f"must be above 0 seconds, or None, not {timeout_s}")
        if not drain_s >= 0:
            raise ConfigError("drain_s", f"must be 0 seconds or more, not {drain_s}")
        self._transport = transport
        self._sealer = sealer
        self._aliases = aliases
        self._type = type_
        self._type_name = registry.name_of(type_)
        self._function = function
        self._name = name
        self._takes_message = count == 2
        self._slots = asyncio.Semaphore(concurrency)
        self._timeout_s = timeout_s
        self._drain_s = drain_s
        self._limits: set[asyncio.Timeout] = set()
        """One timeout for each request held."""
        self._bytes = 0
        self._over = False
        self._claims = DifferingClaims()
        self._context: AbstractAsyncContextManager[None] | None = None
        self.answered = 0
        """Requests that were answered with an event."""
        self.refused = 0
        """Requests that were answered with an error."""

    @property
    def held(self) -> int:
        """Requests held now: being handled, or waiting for their turn."""
        return len(self._limits)

    @property
    def differing_claims(self) -> int:
        """Requests whose envelope claims another source than the transport's."""
        return self._claims.count

    async def __aenter__(self) -> Self:
        self._over = False
        answering = needed(self._transport, SupportsRequests)
        self._context = answering.respond(self._type_name, self._answer)
        await self._context.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._context is None:
            raise TransportError("enter the responder first: async with bus.respond(...)")
        cancelled = exc_type is not None and issubclass(exc_type, asyncio.CancelledError)
        drain_s = 0.0 if cancelled else self._drain_s
        timer = asyncio.get_running_loop().call_later(drain_s, self._stop)
        try:
            await self._context.__aexit__(None, None, None)
        finally:
            timer.cancel()

    def _stop(self) -> None:
        self._over = True
        now = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(now)

    async def _answer(self, request: RequestDelivery) -> bytes:
        """Return the bytes of the answer, or of the error in its place."""
        try:
            data = self._written(request, await self._handle(request))
        except _NoAnswerError as error:
            self.refused += 1
            reply = ErrorReply(code=error.code, reason=bounded(error.reason))
            envelope = self._enveloped(ERROR_TYPE, codec.encode(reply))
            return encode_envelope(envelope, encoding_of(request.data))
        self.answered += 1
        return data

    async def _handle(self, request: RequestDelivery) -> tuple[Message[T], Any]:
        """Return a request as a message, and the value that the function returned for it.

        Raises:
            _NoAnswerError: there is no room, the request cannot be read, or the function raised, was
                cancelled or took too long.
        """
        held, size = self.held, request.size
        if held >= _MOST_HELD or (held and self._bytes + size > _MOST_BYTES):
            raise _NoAnswerError("busy", f"{held} requests are here already")
        message = self._read(request)
        limit = asyncio.timeout(self._timeout_s)
        self._bytes += size
        try:
            async with limit:
                self._limits.add(limit)
                if self._over:
                    self._stop()
                async with self._slots:
                    return message, await self._call(message)
        except Reject as error:
            raise _NoAnswerError("rejected", self._words(message, error)) from error
        except (Exception, SystemExit) as error:
            if limit.expired():
                raise self._late(message, error) from error
            log_failure(message, error, f"{self._name} raised on a request")
            words = f"{type(error).__name__}: {self._words(message, error)}"
            raise _NoAnswerError("failed", words) from error
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            log_failure(message, error, f"{self._name} was cancelled, and not by its responder")
            raise _NoAnswerError("failed", "its handler was cancelled") from error
        finally:
            self._limits.discard(limit)
            self._bytes -= size

    def _read(self, request: RequestDelivery) -> Message[T]:
        try:
            envelope, event = open_event(request.data, self._type, self._aliases)
        except (DecodeError, UnknownTypeError) as error:
            raise _NoAnswerError("undecodable", str(error)) from error
        message = Message(event, self._type_name, envelope, request, request.source)
        if claim := message.claimed_source:
            self._claims.add(message.source, claim)
        return message

    def _call(self, message: Message[T]) -> Awaitable[Any]:
        if self._takes_message:
            return self._function(message.event, message)
        return self._function(message.event)

    def _late(self, message: Message[T], error: BaseException) -> _NoAnswerError:
        if self._over:
            return _NoAnswerError(
                "stopping", "the responder stopped before it answered this request"
            )
        overdue = HandlerError(f"no answer within {self._timeout_s:g} s")
        overdue.__cause__ = error
        log_failure(message, overdue, f"{self._name} took too long for a request")
        return _NoAnswerError("timeout", str(overdue))

    def _words(self, message: Message[T], error: BaseException) -> str:
        data, aliases = message.delivery.data, self._aliases
        if may_hold_secret(self._type_name, data, aliases):
            return _WITHHELD
        return text_of(error)

    def _written(self, request: RequestDelivery, handled: tuple[Message[T], Any]) -> bytes:
        message, event = handled
        try:
            envelope = self._enveloped(registry.name_of(type(event)), codec.encode(event))
            data = encode_envelope(envelope, encoding_of(request.data))
        except (EncodeError, UnknownTypeError) as error:
            log_failure(message, error, f"{self._name} returned no event that can be sent")
            raise _NoAnswerError(
                "failed", "its handler returned no event that can be sent"
            ) from error
        if len(data) > request.largest_answer:
            reason = f"the answer has {len(data):,} bytes, more than {request.largest_answer:,}"
            raise _NoAnswerError("failed", reason)
        return data

    def _enveloped(self, type_name: str, data: bytes) -> Envelope:
        source = self._sealer.source
        return Envelope(type=type_name, data=data, id=new_id(), source=source, time=now_rfc3339())
