"""Read the protocol of a NATS server: each message is delivered or skipped, whatever its bytes are.

It stands in for nats-py's parser, which takes tokens apart at bytes that a subject may hold (0x0B, 0x0C).
nats-py's reading ends for good at a subject that is not UTF-8, or at a header block that is none.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors

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
"""Bytes of a message; no server takes more than half of that."""
_QUIET_S = 1.0


class Parser:
    """Splits what a server sends into messages and the other lines of the protocol.

    A message whose subject or headers are malformed is delivered all the same: bytes of a subject that
    are not UTF-8 are written as ``\\xff``, and headers that are none are left out. A message that cannot
    be placed, or that its subscription does not take, is skipped. Both are counted and logged, a line a
    second at most.

    Args:
        message: takes subscription, subject, reply subject, payload, and the header block or None.
        ping: takes the server's question whether this client lives.
        pong: takes the server's answer to that question.
        error: takes the words of an error of the server.
        info: takes news about the server.
    """

    def __init__(
        self,
        message: Callable[[int, bytes, bytes, bytes, bytes | None], Awaitable[None]],
        *,
        ping: Callable[[], Awaitable[None]],
        pong: Callable[[], Awaitable[None]],
        error: Callable[[str], Awaitable[None]],
        info: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._message = message
        self._ping = ping
        self._pong = pong
        self._error = error
        self._info = info
        self.malformed = 0
        """Messages that were delivered without what was malformed in them."""
        self.skipped = 0
        """Messages that were not delivered."""
        self._quiet_until = 0.0
        self._held = bytearray()
        self._least = 0
        self._resets = 0

    def reset(self) -> None:
        """Forget what an old connection left unfinished."""
        self._held.clear()
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        """Take in what arrived next.

        Raises:
            nats.errors.Error: it is nothing that a server says.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._least:
                return
            data = bytes(self._held)
            self._held.clear()
        resets, position, end = self._resets, 0, len(data)
        while position < end:
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
            body_end = start + int(found[found.re.groups])
            if body_end + 2 > end:
                self._hold(data[position:], body_end + 2 - position, _LARGEST)
                return
            position = body_end + 2
            try:
                await self._deliver(found, data, start, body_end)
            except Exception as error:  # noqa: BLE001 - one message must not end the reading
                self._skip(found, repr(error))
            if self._resets != resets:
                return

    def _deliver(
        self, found: re.Match[bytes], data: bytes, start: int, body_end: int
    ) -> Awaitable[None]:
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
        if not subject.isascii():
            subject = self._text(subject)
        if reply is None:
            reply = b""
        elif not reply.isascii():
            reply = self._text(reply)
        return self._message(int(sid), subject, reply, data[start:body_end], headers)

    def _hold(self, rest: bytes, least: int, limit: int) -> None:
        """Wait for the bytes that are missing to ``rest``."""
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
                raise nats.errors.Error(f"the server says {line[:40]!r}, which is no NATS")

    async def _news(self, text: bytes) -> None:
        try:
            await self._info(json.loads(text))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise nats.errors.Error(
                f"what the server says of itself cannot be read: {error}"
            ) from error

    def _text(self, token: bytes) -> bytes:
        """A token as UTF-8."""
        try:
            token.decode()
        except UnicodeDecodeError:
            self.malformed += 1
            self._say("a message whose subject is not UTF-8", repr(token))
            return token.decode(errors="backslashreplace").encode()
        return token

    def _headers(self, block: bytes, subject: bytes) -> bytes | None:
        """A header block that nats-py can read; None where it is none."""
        if block.startswith(b"NATS/1.0\r\n"):
            return block
        if block.startswith(b"NATS/1.0 ") and block.isascii():
            return block
        self.malformed += 1
        self._say("a message whose headers are malformed", repr(subject))
        if block.startswith(b"NATS/1.0 "):
            return block.decode("ascii", "backslashreplace").encode()
        return None

    def _skip(self, found: re.Match[bytes], why: str) -> None:
        self.skipped += 1
        self._say("a message that is skipped", f"{found[0].strip()[:300]!r}: {why}")

    def _say(self, what: str, which: str) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_S
            _log.warning(
                "the server sent %s: %s (%d malformed and %d skipped so far)",
                what,
                which,
                self.malformed,
                self.skipped,
            )
