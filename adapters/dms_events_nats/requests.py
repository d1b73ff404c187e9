"""Requests on NATS: sent over core NATS, and shared by the responders of a queue group."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats.errors

from dms_events.aio import TaskSet
from dms_events.envelope import read_envelope
from dms_events.errors import (
    BadReplyError,
    ConfigError,
    NoResponderError,
    RequestError,
    RequestTimeoutError,
)
from dms_events.quiet import Notice
from dms_events.transport import Answer, OutgoingMessage, RequestDelivery

from .client import flush, mapped, translated
from .connection import AwayError, Denial, LinkClient, NotPermittedError, Reply, no_responders
from .publish.call import ROOM_BYTES, Patience, make_room
from .publish.fit import no_subject
from .subjects import Subjects, fits_line

__all__ = ["Requests"]

_GROUP = "responders"
_MOST_RUNNING = 2_000
_MOST_BYTES = 128 << 20
_UNANSWERABLE = (
    "%d requests were skipped, because their reply subjects may not be answered; the last one: %r"
)
_UNSENT = "%d answers could not be sent; the last one to %r"
_TOO_MANY = (
    "%d requests were dropped, because the server takes no answers and too many wait; the last one on "
    "%r"
)
_DENIED = (
    "%d answers were refused: %s. Permit the account to answer, by allow_responses or by the subjects of "
    "the inboxes"
)


class Requests:
    """Sends requests, and answers them. Requests that cannot be answered are counted and logged.

    An answer waits up to ``timeout_s`` for the bytes before it to leave.
    """

    def __init__(self, client: LinkClient, subjects: Subjects, timeout_s: float) -> None:
        self._client = client
        self._subjects = subjects
        self._timeout_s = timeout_s
        self._responders = 0
        self._bytes = 0
        """Bytes of the requests and answers that this process holds."""
        self._unanswerable, self._unsent = Notice(_UNANSWERABLE), Notice(_UNSENT)
        self._too_many, self._denied = Notice(_TOO_MANY), Notice(_DENIED)

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        """As `SupportsRequests.request` says.

        Anybody who may read a request may reply to it; a stream does, for example. A reply that is no
        envelope does not settle the request.
        """
        if to:
            raise ConfigError("to", "NATS has no peers: any responder answers; leave it out")
        type_name, client = message.type_name, self._client
        if not (subject := self._subjects.of(message)):
            raise RequestError(type_name, no_subject(message))
        if len(message.data) > client.max_payload:
            size = (
                f"it has {len(message.data):,} bytes, more than the server's {client.max_payload:,}"
            )
            raise RequestError(type_name, size)
        foreign: list[Reply] = []

        def is_answer(reply: Reply) -> bool:
            if no_responders(reply) or read_envelope(reply.data):
                return True
            foreign[:] = [reply]
            return False

        deadline = time.monotonic() + timeout_s
        await make_room(client, Patience(client, timeout_s))
        try:
            left_s = max(0.0, deadline - time.monotonic())
            return (await client.ask(subject, message.data, left_s, is_answer)).data
        except NotPermittedError as error:
            raise RequestError(type_name, str(error)) from error
        except nats.errors.NoRespondersError as error:
            raise NoResponderError(type_name, f"nobody responds to {subject}") from error
        except AwayError as error:
            raise translated(f"request {type_name}", error) from error
        except nats.errors.TimeoutError as error:
            late = f"no answer within {timeout_s:g} s"
            if foreign:
                reason = f"{late} but replies that are no envelopes: {foreign[0].data[:60]!r}"
                raise BadReplyError(type_name, reason) from error
            raise RequestTimeoutError(type_name, late) from error
        except (nats.errors.Error, OSError) as error:
            raise translated(f"request {type_name}", error) from error

    @asynccontextmanager
    async def respond(self, type_name: str, answer: Answer) -> AsyncIterator[None]:
        """As `SupportsRequests.respond` says."""
        client, running = self._client, TaskSet()
        subject = self._subjects.of_requests(type_name)

        def take(subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
            if not self._may_answer(reply):
                self._unanswerable.add(reply)
            elif len(running) >= _MOST_RUNNING or self._bytes + len(data) > _MOST_BYTES:
                self._too_many.add(subject)
            else:
                self._bytes += len(data)
                running.start(self._answer(answer, subject, reply, data))

        with mapped(f"respond to {subject}"), client.permitted([subject]):
            subscription = await client.subscribe_direct(subject, take, queue=_GROUP)
            await flush(client)
        self._responders += 1
        try:
            yield
        finally:
            try:
                await client.drain_direct(subscription)
            finally:
                await running.finish()
                self._responders -= 1

    async def _answer(self, answer: Answer, subject: str, reply: str, data: bytes) -> None:
        type_name, source = self._subjects.parts[subject]
        request = RequestDelivery(
            data=data,
            subject=subject,
            type_name=type_name,
            source=source,
            largest_answer=self._client.max_payload,
        )
        held = len(data)
        try:
            answered = await answer(request)
            self._bytes += len(answered)
            held += len(answered)
            await self._send(reply, answered)
        finally:
            self._bytes -= held

    async def _send(self, reply: str, answered: bytes) -> None:
        client = self._client
        if self._bytes <= _MOST_BYTES:
            await make_room(client, Patience(client, self._timeout_s))
        full = client.pending_data_size > ROOM_BYTES
        if client.is_closed or full or len(answered) > client.max_payload:
            self._unsent.add(reply)
        else:
            client.send(reply, answered)

    def _may_answer(self, reply: str) -> bool:
        """True if a reply subject is safe. The requester chose it, and may have chosen one of events."""
        return fits_line(reply) and not reply.startswith("$") and not self._subjects.holds(reply)

    def deny(self, denial: Denial) -> bool:
        """Log that the server takes no answers. Returns True if the denial is about an answer."""
        subject = denial.subject
        if not self._responders or denial.action != "publish" or not self._may_answer(subject):
            return False
        self._denied.add(denial.words(subject))
        return True
