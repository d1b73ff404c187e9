"""Read the protocol of a NATS server: each message is delivered or skipped, whatever its bytes are.

It replaces nats-py's parser, which splits tokens at bytes that a subject may hold (0x0B, 0x0C). nats-py's
reading ends for good at a subject that is not UTF-8, or at a malformed header block.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nats.errors

from dms_events.quiet import Quiet

from .direct import Taker

__all__ = ["Parser"]

_log = logging.getLogger("dms_events")

_MSG = re.compile(
    rb"MSG[ \t]+([^ \t\r\n]+)[ \t]+(\d{1,18})[ \t]+(?:([^ \t\r\n]+)[ \t]+)?(\d{1,9})\r\n"
)
_HMSG = re.compile(
    rb"HMSG[ \t]+([^ \t\r\n]+)[ \t]+(\d{1,18})[ \t]+(?:([^ \t\r\n]+)[ \t]+)?"
    rb"(\d{1,9})[ \t]+(\d{1,9})\r\n"
)
_UNREADABLE = re.compile(rb"H?MSG[ \t][^\r\n]*?(\d{1,9})\r\n")
_LONGEST_LINE = 1 << 20
_LARGEST = 128 << 20
"""The most bytes of a message; no server takes more than half of that."""
_CR = 0x0D
_HEADERS = b"NATS/1.0\r\n"


class Parser:
    """Splits what a server sends into messages and the other lines of the protocol.

    A message whose subject or headers are malformed is delivered all the same: bytes of a subject that
    are not UTF-8 are written as ``\\xff``, and a block that is no header block is left out. A message is
    skipped if its first line is unreadable or wrong, or if its taker fails. Both are counted and logged,
    with at most one line a second.

    Args:
        takers: the functions that take a subscription's messages, by the subscription's written number.
        message: takes the messages of all other subscriptions: subscription, subject, reply subject,
            payload, and the header block or None.
        ping: takes the server's question whether this client lives.
        pong: takes the server's answer to that question.
        error: takes the words of an error of the server.
        info: takes news about the server.
    """

    def __init__(
        self,
        takers: Mapping[bytes, Taker],
        message: Callable[[int, bytes, bytes, bytes, bytes | None], Awaitable[None]],
        *,
        ping: Callable[[], Awaitable[None]],
        pong: Callable[[], Awaitable[None]],
        error: Callable[[str], Awaitable[None]],
        info: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._takers = takers
        self._message = message
        self._ping = ping
        self._pong = pong
        self._error = error
        self._info = info
        self.malformed = 0
        """The number of malformed subjects, reply subjects and header blocks."""
        self.skipped = 0
        """The number of messages that were not delivered."""
        self._quiet = Quiet()
        self._held = bytearray()
        self._least = 0
        self._resets = 0

    def reset(self) -> None:
        """Forget the unfinished message of an old connection."""
        self._held.clear()
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        """Take in the bytes that arrived next.

        Raises:
            nats.errors.Error: the bytes are not NATS's protocol.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._least:
                return
            data = bytes(self._held)
            self._held.clear()
        resets, position, end = self._resets, 0, len(data)
        while position < end:
            if behind := self._take(data, position, end):
                position = behind
                continue
            found = _MSG.match(data, position) or _HMSG.match(data, position)
            if found is None and (found := _UNREADABLE.match(data, position)) is None:
                line_end = data.find(b"\r\n", position)
                if line_end < 0:
                    self._hold(data[position:], end - position + 1, _LONGEST_LINE)
                    return
                await self._line(data[position:line_end])
                if self._resets != resets:
                    return
                position = line_end + 2
                continue
            start = found.end()
            body_end = start + int(found[found.lastindex or 1])
            if body_end + 2 > end:
                self._hold(data[position:], body_end + 2 - position, _LARGEST)
                return
            position = body_end + 2
            try:
                if (taking := self._deliver(found, data, start, body_end)) is not None:
                    await taking
            except Exception as error:  # noqa: BLE001 - one message must not end the reading
                self._skip(found[0], repr(error))
            if self._resets != resets:
                return

    def _take(self, data: bytes, position: int, end: int) -> int:
        """Hand the message at ``position``, in the form that every server writes, to its taker.

        Returns:
            the end of the message; 0 if no such message is there, or not all of it.
        """
        start = data.find(b"\n", position) + 1
        if not start or data[start - 2] != _CR:
            return 0
        tokens = data[position : start - 2].split(b" ")
        count, headers, body = len(tokens), None, start
        if count == 5 and tokens[0] == b"MSG":
            _, subject, sid, reply, size = tokens
        elif count == 6 and tokens[0] == b"HMSG":
            _, subject, sid, reply, header_size, size = tokens
            if not header_size.isdigit() or len(header_size) > 9:
                return 0
            body += int(header_size)
            headers = data[start:body]
            if not headers.startswith(_HEADERS):
                return 0
        elif count == 4 and tokens[0] == b"MSG":
            (_, subject, sid, size), reply = tokens, b""
        else:
            return 0
        take = self._takers.get(sid)
        if take is None or len(size) > 9 or not size.isdigit():
            return 0
        body_end = start + int(size)
        if body_end + 2 > end or body > body_end:
            return 0
        try:
            to, back = subject.decode(), reply.decode()
        except UnicodeDecodeError:
            return 0
        try:
            take(to, back, data[body:body_end], headers)
        except Exception as error:  # noqa: BLE001 - one message must not end the reading
            self._skip(data[position:start], repr(error))
        return body_end + 2

    def _deliver(
        self, found: re.Match[bytes], data: bytes, start: int, body_end: int
    ) -> Awaitable[None] | None:
        headers = None
        if found.re is _MSG:
            subject, sid, reply, _ = found.groups()
        elif found.re is _HMSG:
            subject, sid, reply, size, _ = found.groups()
            body = start + int(size)
            if body > body_end:
                raise ValueError("its headers are longer than the whole")
            headers, start = self._headers(data[start:body], subject), body
        else:
            raise ValueError("its first line cannot be read")
        to, back = self._text(subject), self._text(reply) if reply else ""
        if take := self._takers.get(sid):
            take(to, back, data[start:body_end], headers)
            return None
        return self._message(int(sid), to.encode(), back.encode(), data[start:body_end], headers)

    def _hold(self, rest: bytes, least: int, limit: int) -> None:
        """Keep ``rest`` until at least ``least`` bytes are there."""
        if least > limit:
            raise nats.errors.Error(
                f"the server sends a line or a message of more than {limit:,} bytes"
            )
        self._held += rest
        self._least = least

    async def _line(self, line: bytes) -> None:
        match line[:4].upper():
            case b"PING":
                await self._ping()
            case b"PONG":
                await self._pong()
            case b"-ERR":
                await self._error(line[4:].strip().strip(b"'").decode(errors="backslashreplace"))
            case b"INFO":
                await self._news(line[4:])
            case b"+OK":
                pass
            case _:
                raise nats.errors.Error(f"the server says {line[:40]!r}, which is not NATS")

    async def _news(self, text: bytes) -> None:
        try:
            await self._info(json.loads(text))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise nats.errors.Error(f"the server's INFO cannot be read: {error}") from error

    def _text(self, token: bytes) -> str:
        try:
            return token.decode()
        except UnicodeDecodeError:
            self.malformed += 1
            self._say("a message whose subject is not UTF-8", repr(token))
            return token.decode(errors="backslashreplace")

    def _headers(self, block: bytes, subject: bytes) -> bytes | None:
        """Return a header block that nats-py can read; None if ``block`` is no header block."""
        if block.startswith(_HEADERS):
            return block
        if block.startswith(b"NATS/1.0 ") and block.isascii():
            return block
        self.malformed += 1
        self._say("a message whose headers are malformed", repr(subject))
        if block.startswith(b"NATS/1.0 "):
            return block.decode("ascii", "backslashreplace").encode()
        return None

    def _skip(self, line: bytes, why: str) -> None:
        self.skipped += 1
        self._say("a message that is skipped", f"{line.strip()[:300]!r}: {why}")

    def _say(self, what: str, which: str) -> None:
        if self._quiet.over():
            _log.warning(
                "the server sent %s: %s (%d malformed and %d skipped so far)",
                what,
                which,
                self.malformed,
                self.skipped,
            )
