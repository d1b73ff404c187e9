"""Requests: the part of a bus that sends requests and answers them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import TypeVar

import msgspec

from .. import registry
from ..errors import ConfigError
from ..identity import new_id, now_rfc3339
from ..transport import SupportsRequests, Transport, needed
from .message import Message
from .replies import read_reply
from .responder import Responder
from .sealing import Sealer

__all__ = ["Requests"]

A = TypeVar("A", bound=msgspec.Struct)
B = TypeVar("B", bound=msgspec.Struct)


class Requests:
    """The part of a bus for requests and their answers."""

    _transport: Transport
    _sealer: Sealer
    _aliases: Mapping[str, str]

    async def request(
        self, event: msgspec.Struct, answer: type[A], *, to: str = "", timeout_s: float = 10.0
    ) -> A:
        """Send an event to one responder, and return the event that it answers with.

        Cancelling the call ends everything that it started here.

            response = await bus.request(DeploymentRequest(...), DeploymentResponse, to=peer_id)

        Args:
            event: the request.
            answer: the type that the answer must have.
            to: the peer id of the responder; libp2p needs it. On NATS and in memory any responder
                answers, so leave it out.
            timeout_s: how long to wait for the answer, above 0.

        Raises:
            EncodeError: Go could not read the event; nothing was sent.
            UnknownTypeError: the event or the answer is not of a DMS type.
            ConfigError: ``to`` or ``timeout_s`` is not allowed.
            NoResponderError: nobody answers requests of this type, or the peer does not; raised at once.
            RequestTimeoutError: no answer came in time; whether the request was handled is not known.
            ResponderError: the responder answered with an error: it rejected the request, it failed, …
            BadReplyError: the answer is no envelope, or of another type, or cannot be read.
            RequestError: the request cannot be sent: too large, not permitted, or refused.
            ConnectionLostError: there is no connection, or the connection ended before the answer came.
        """
        registry.name_of(answer)
        if not 0 < timeout_s < inf:
            raise ConfigError("timeout_s", f"must be above 0 seconds, not {timeout_s}")
        sealer = self._sealer
        message = sealer.seal(event, new_id(), sealer.source, now_rfc3339(), channel="requests")
        asking = needed(self._transport, SupportsRequests)
        data = await asking.request(message, to, timeout_s)
        return read_reply(message.type_name, data, answer, self._aliases)

    def respond(
        self,
        type_: type[B],
        handler: Callable[[B], Awaitable[msgspec.Struct]]
        | Callable[[B, Message[B]], Awaitable[msgspec.Struct]],
        *,
        concurrency: int = 10,
        timeout_s: float | None = 60.0,
        drain_s: float = 20.0,
    ) -> Responder[B]:
        """Answer requests of a type with a function, for as long as the ``async with`` lasts.

            async with bus.respond(DeploymentRequest, deploy):
                ...

        The function takes an event, or an event and its message, and returns an event. If it
        raises, the requester is told the error and the responder goes on; ``raise
        dms_events.Reject("…")`` refuses a request.

        Args:
            type_: the type of the requests.
            handler: the function.
            concurrency: requests that are handled at a time.
            timeout_s: how long a request may wait and be handled, both together; then its handler is
                cancelled. None for no limit.
            drain_s: how long handlers may go on when the context is left; then they are cancelled.

        Raises:
            UnknownTypeError: it is not a DMS type.
            ConfigError: the function cannot be called with these arguments, a number is out of range,
                or (on entering) the transport has no requests, or the type has another responder that
                does not share its requests.
            TransportError: on entering: answering is not permitted, or there is no connection.
        """
        return Responder(
            self._transport,
            self._sealer,
            self._aliases,
            type_,
            handler,
            concurrency=concurrency,
            timeout_s=timeout_s,
            drain_s=drain_s,
        )
