"""nats-py's client with safe requests: foreign replies are ignored, a denied request fails at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, NamedTuple, Protocol

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ..subjects import fits_line
from .opening import Attempts

__all__ = [
    "AskingClient",
    "AwayError",
    "Denial",
    "NotPermittedError",
    "Reply",
    "denial_in",
    "no_responders",
]

_API = "$JS.API."
_DIRECT = "$JS.API.DIRECT."
_API_TYPE = "io.nats.jetstream.api.v1."
_DENIED = re.compile(
    r'permissions violation for (publish|subscription) to "([^"]*)"(?: using queue "[^"]*")?',
    re.IGNORECASE,
)


class NotPermittedError(nats.errors.Error):
    """The account may not use a subject. The text is the server's."""


class AwayError(nats.errors.TimeoutError):
    """There was no connection in time. The text has the errors of the last attempts to connect."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self._why = why

    def __str__(self) -> str:
        return self._why


class Denial(NamedTuple):
    """The server's refusal of a subject that the account may not use."""

    action: str
    """``publish`` or ``subscription``."""
    subject: str
    """In lower case, as nats-py hands it on."""

    def denies(self, action: str, subject: str) -> bool:
        """Return True if the denial is about this action on this subject."""
        return self.action == action and self.subject == subject.lower()

    def words(self, subject: str) -> str:
        """Return the server's words, with the subject in its original case."""
        return f'Permissions Violation for {self.action.capitalize()} to "{subject}"'

    def inbox_words(self, inbox: str) -> str:
        """Return the server's words about an inbox, ``<prefix>.<unique>.*``, with the remedy."""
        prefix = inbox.rsplit(".", 2)[0]
        return (
            f'{self.words(inbox)}. Allow the account to subscribe to "{prefix}.>", or connect with the '
            "inbox_prefix that it may subscribe to"
        )


def denial_in(error: Exception) -> Denial | None:
    """Return an asynchronous error of the server as a denial; None if it is another error."""
    found = _DENIED.search(str(error))
    return Denial(found[1].lower(), found[2].lower()) if found else None


class Reply(Protocol):
    """A message to an inbox."""

    @property
    def data(self) -> bytes: ...

    @property
    def headers(self) -> dict[str, str] | None: ...


def no_responders(message: Reply) -> bool:
    """Return True if a message is the server's word that nobody listens on a subject."""
    return not message.data and (message.headers or {}).get("Status") == "503"


class _ApiAnswer(msgspec.Struct):
    type: str


class _StoredAnswer(msgspec.Struct):
    stream: str
    error: msgspec.Raw = msgspec.Raw()


_read_api = msgspec.json.Decoder(_ApiAnswer).decode
_read_stored = msgspec.json.Decoder(_StoredAnswer).decode


def _is_of_jetstream(subject: str, reply: Reply) -> bool:
    """Return True if a reply has the form of the server's answers on this subject."""
    if no_responders(reply):
        return True
    if subject.startswith(_DIRECT):
        headers = reply.headers or {}
        return "Nats-Stream" in headers or "Status" in headers
    try:
        if subject.startswith(_API):
            return _read_api(reply.data).type.startswith(_API_TYPE)
        return bool(_read_stored(reply.data).stream)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


class _Question(NamedTuple):
    subject: str
    is_answered_by: Callable[[Reply], bool]
    answer: asyncio.Future[Msg]


class AskingClient(Client):
    """A client whose requests are settled by an answer only.

    Anybody who may read a request may reply to it. A reply that is no answer (for JetStream: not of its
    form) is ignored and counted in ``ignored_replies``, and the request goes on waiting. If the server
    does not permit a request or its inbox, the request fails at once with `NotPermittedError`. Without
    a connection no request is sent, so none arrives after its caller has given up.
    """

    def __init__(self, attempts: Attempts) -> None:
        super().__init__()
        self.attempts = attempts
        self._questions: dict[str, _Question] = {}
        self._question_tokens = count()
        self._answers = ""
        self._refused: dict[str, str] = {}
        """The server's denials of subscriptions that are being made, by subject; empty for no denial."""
        self.ignored_replies = 0

    async def subscribe(
        self, subject: str, queue: str = "", *args: Any, **kwargs: Any
    ) -> Subscription:
        """As nats-py's, for a subject and a queue that a line of the protocol can hold.

        Raises:
            nats.errors.BadSubjectError: no line can hold them. The server would end the connection.
        """
        if not fits_line(subject + queue):
            raise nats.errors.BadSubjectError
        return await super().subscribe(subject, queue, *args, **kwargs)

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Send a request to JetStream's API or to a subject of a stream; return JetStream's answer.

        Raises what `ask` raises.
        """
        is_answer = partial(_is_of_jetstream, subject)
        return await self.ask(subject, payload, timeout, is_answer, headers)

    async def ask(
        self,
        subject: str,
        payload: bytes,
        timeout: float,
        is_answer: Callable[[Reply], bool],
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Send a request and return the first reply that is an answer.

        Raises:
            NotPermittedError: the server does not permit the request, or an inbox for its answer.
            nats.errors.ConnectionClosedError: the client was closed before an answer came.
            nats.errors.BadSubjectError: no line of the protocol can hold the subject.
            nats.errors.NoRespondersError: nobody listens on the subject.
            nats.errors.TimeoutError: there was no answer in time.
            AwayError: there was no connection in time.
        """
        if not fits_line(subject):
            raise nats.errors.BadSubjectError
        deadline = asyncio.get_running_loop().time() + timeout
        if not (self.is_connected or self.is_closed):
            await self.attempts.until_over(timeout)
            if away := self.attempts.away:
                raise AwayError(away)
        answered = asyncio.get_running_loop().create_future()
        question = _Question(subject, is_answer, answered)
        token = str(next(self._question_tokens))
        self._questions[token] = question
        try:
            if not self._answers:
                self._answers = self.new_inbox() + "."
                await self.subscribe(self._answers + "*", cb=self._on_answer)
            await self.publish(subject, payload, self._answers + token, headers)
            async with asyncio.timeout_at(deadline):
                answer = await question.answer
        except TimeoutError:
            if away := self.attempts.away:
                raise AwayError(away) from None
            raise nats.errors.TimeoutError from None
        finally:
            del self._questions[token]
        if no_responders(answer):
            raise nats.errors.NoRespondersError
        return answer

    @contextmanager
    def permitted(self, subjects: Collection[str]) -> Iterator[None]:
        """Raise at the end of the block if the server has denied a subscription to one of ``subjects``.

        The block must subscribe to them, and then await the answer to a request that it sends afterwards:
        the server sends a denial before that answer.

        Raises:
            NotPermittedError: the server does not permit one of the subscriptions.
        """
        self._refused.update(dict.fromkeys(subjects, ""))
        try:
            yield
            if said := next(filter(None, (self._refused[subject] for subject in subjects)), None):
                raise NotPermittedError(said)
        finally:
            for subject in subjects:
                self._refused.pop(subject, None)

    def deny(self, denial: Denial) -> bool:
        """Fail the requests and subscriptions that a denial is about. Returns True if there were any."""
        for subject in self._refused:
            if denial.denies("subscription", subject):
                self._refused[subject] = denial.words(subject)
                return True
        inbox = self._answers + "*"
        deaf = denial.denies("subscription", inbox)
        if deaf:
            self._answers = ""  # the next request asks for an inbox again: permissions change
        denied = False
        for question in self._questions.values():
            if deaf or denial.denies("publish", question.subject):
                denied = True
                words = denial.inbox_words(inbox) if deaf else denial.words(question.subject)
                if not question.answer.done():
                    question.answer.set_exception(NotPermittedError(words))
        return deaf or denied

    def end_questions(self) -> None:
        """Fail all open requests: no answer will come any more."""
        for question in self._questions.values():
            if not question.answer.done():
                question.answer.set_exception(nats.errors.ConnectionClosedError())

    async def _on_answer(self, reply: Msg) -> None:
        question = self._questions.get(reply.subject.rpartition(".")[2])
        if question is None:
            return
        if not question.is_answered_by(reply):
            self.ignored_replies += 1
        elif not question.answer.done():
            question.answer.set_result(reply)

    async def _process_pong(self) -> None:
        # A PONG that comes after its flush gave up would end the reading of the connection.
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
        else:
            await super()._process_pong()

    @property
    def unsent_bytes(self) -> int:
        """The bytes that wait in this process to be sent: in the client, and in the loop's transport."""
        waiting = self.pending_data_size
        transport: Any = self._transport
        if transport:
            waiting += transport._io_writer.transport.get_write_buffer_size()
        return waiting
