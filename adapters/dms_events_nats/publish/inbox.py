"""The reply inbox of a publisher: which reply settles which message."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Final

from dms_events.quiet import Notice
from dms_events.transport import OutgoingMessage

from ..connection import DirectClient, no_responders
from ..delivery import NatsDelivery
from ..subjects import Subjects
from .call import Call
from .duplicates import Duplicates
from .no_stream import NoStreamProbe
from .replies import IGNORED, ApiError, Streams, read_ack, shown
from .single import Singles

__all__ = ["AckInbox"]

_NOT_YET_RETRY_S = 1.0
_NO_STREAM_RETRY_S = 0.25
_NOT_YET: Final = (10158, 10167)
"""Errors that are no refusal: another copy is being stored, or the server has too much to do."""
_TOO_LARGE: Final = 10054
_SUBJECT_IS_FULL: Final = "maximum messages per subject exceeded"
"""This error has the same code as that of a full stream."""


class AckInbox:
    """One wildcard subscription takes all acks. The last token of an ack's subject tells its message."""

    def __init__(self, client: DirectClient, subjects: Subjects, timeout_s: float) -> None:
        self._client = client
        self._subjects = subjects
        self.prefix = client.new_inbox() + "."
        self.tokens = count()
        self.calls: dict[str, Call] = {}
        """The calls, by the tokens of their messages that wait for acks."""
        self.singles = Singles(client, subjects, self.prefix, self.calls, timeout_s)
        self.streams = Streams(client, subjects)
        self.duplicates = Duplicates()
        self.ignored = Notice(IGNORED)
        self._asking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start to listen."""
        await self._client.subscribe_direct(self.prefix + "*", self._on_ack)
        await self.streams.ask()  # a denial of the inbox arrives before its answer

    def close(self) -> None:
        """Stop asking for streams."""
        if self._asking is not None:
            self._asking.cancel()

    def open_calls(self) -> set[Call]:
        """Return all calls with messages that wait for acks; each single message becomes a call, too."""
        self.singles.become_calls()
        return set(self.calls.values())

    def ask_streams(self) -> None:
        """Ask which streams store events, unless that was asked a moment ago."""
        if self.streams.may_ask and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())

    def _on_ack(self, subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
        token = subject[len(self.prefix) :]
        # A plain ack ends with a digit and a brace; every other reply is decoded.
        plain = data.startswith(self.streams.acks) and 47 < data[-2] < 58
        call = self.calls.pop(token, None)
        if call is None:
            if (single := self.singles.waiting.get(token)) is None:
                return
            if plain or self.streams.is_new_ack(data, single.message.channel):
                self.singles.settle(single)
                return
            call = self.singles.call_of(single)
            del self.calls[token]
        if not plain and not self._read(call, token, NatsDelivery(subject, reply, data, headers)):
            return
        call.no_stream = None
        message = call.unacked.pop(token)
        call.bytes -= len(message.data)
        call.settled += 1
        if len(call.unacked) <= call.wake_at:
            call.wake()

    def _read(self, call: Call, token: str, reply: NatsDelivery) -> bool:
        """Return True if a reply says that the message is stored."""
        ack = read_ack(reply.data)
        message = call.unacked[token]
        if ack is not None and self.streams.store(ack.stream, message.channel):
            if ack.error is None:
                if ack.duplicate:
                    self.duplicates.add(call, message)
                else:
                    self.streams.learn(reply.data)
                return True
            call.no_stream = None
            words = f"{ack.error.description} (code {ack.error.err_code})"
            reason = f"{message.type_name}: {words}"
            if ack.error.err_code not in _NOT_YET:
                call.refuse(token, reason, for_good=_is_its_own_fault(ack.error))
                return False
            call.reason = reason
            call.retry_in(_NOT_YET_RETRY_S)
        elif no_responders(reply):
            self._no_responders(call, message)
        else:
            self.ignored.add(shown(reply))
            if ack is not None:
                self.ask_streams()  # the ack may be of a new stream
        self.calls[token] = call
        return False

    async def _ask(self) -> None:
        await self.streams.ask()
        for call in set(self.calls.values()):
            call.arrival.ask()

    def _no_responders(self, call: Call, message: OutgoingMessage) -> None:
        subject = self._subjects.of(message)
        call.reason = f"no stream stores {subject}"
        if call.no_stream is None:
            call.no_stream = NoStreamProbe(self._client, subject)
        call.retry_in(_NO_STREAM_RETRY_S)


def _is_its_own_fault(error: ApiError) -> bool:
    """True if the message itself is the reason of a refusal, and not a lack of room in the stream."""
    return error.err_code == _TOO_LARGE or error.description == _SUBJECT_IS_FULL
