"""Messages in and frames out without nats-py's coroutines, which cost more than all else on their way.

nats-py has no public way to get a message other than through a coroutine or a future, nor to send one
without three coroutines. The private names of nats-py that are used instead stand in this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import nats.errors
from nats.aio.subscription import Subscription

from dms_events.errors import TransportError

from ..client import flush
from .asking import AskingClient
from .opening import Attempts

__all__ = ["DirectClient", "Taker", "read_headers"]

Taker: TypeAlias = Callable[[str, str, bytes, bytes | None], None]
"""Takes subject, reply subject, payload, and header block or None. It never waits."""

_VERSION = "NATS/1.0"
_STATUS_DIGITS = 3


def read_headers(block: bytes) -> dict[str, str]:
    """Return the headers of a block, with the ``Status`` and ``Description`` of its first line, if any.

    Bytes that are not UTF-8 are written as ``\\xff``.
    """
    first, *lines = block.decode(errors="backslashreplace").split("\r\n")
    status, _, description = first.removeprefix(_VERSION).strip().partition(" ")
    headers = {}
    if len(status) == _STATUS_DIGITS and status.isdecimal():
        headers["Status"] = status
        if description:
            headers["Description"] = description.strip()
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name, value.strip())  # the server, too, takes the first
    return headers


class _Taken:
    """Given to nats-py as the future of a reply, so that nats-py makes neither a queue nor a task."""

    def __init__(self, take: Taker) -> None:
        self.take = take


class DirectClient(AskingClient):
    """A client that hands messages to plain functions, and takes whole frames of the protocol."""

    def __init__(self, attempts: Attempts) -> None:
        super().__init__(attempts)
        self.takers: dict[bytes, Taker] = {}
        """The function that takes a subscription's messages, by the subscription's number as written."""
        self._acks: list[str] = []

    async def subscribe_direct(self, subject: str, take: Taker, *, queue: str = "") -> Subscription:
        """Subscribe. ``take`` is called with each message at the moment at which it is read."""
        taken: Any = _Taken(take)
        return await self.subscribe(subject, queue=queue, future=taken)

    async def drain_direct(self, subscription: Subscription) -> None:
        """Tell the server to send no more, take the messages sent before, and unsubscribe."""
        with suppress(TransportError):  # the connection is gone, and the messages sent on it
            if self.is_connected:
                await self._send_unsubscribe(subscription._id)
                await flush(self)
        with suppress(nats.errors.Error):
            await subscription.unsubscribe()

    async def _send_subscribe(self, sub: Subscription) -> None:
        if isinstance(sub._future, _Taken):
            self.takers[b"%d" % sub._id] = sub._future.take
        await super()._send_subscribe(sub)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self.takers.pop(b"%d" % sid, None)
        super()._remove_sub(sid, max_msgs)

    def send(self, subject: str, payload: bytes) -> None:
        """Publish without waiting. Look before at `pending_data_size`, the number of unsent bytes."""
        self._send(b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(payload), payload))

    def send_identified(self, subject: str, payload: bytes, reply: str, id: str) -> None:
        """Publish without waiting, under a ``Nats-Msg-Id``, which must be a line of text."""
        headers = f"{_VERSION}\r\nNats-Msg-Id: {id}\r\n\r\n".encode()
        size = len(headers)
        line = f"HPUB {subject} {reply} {size} {size + len(payload)}\r\n".encode()
        self._send(b"%b%b%b\r\n" % (line, headers, payload))

    def ack_soon(self, reply: str) -> None:
        """Acknowledge a message of JetStream, together with others, in the next turn of the event loop.

        Without a connection, the acknowledgement is sent over the next one. A client that is closed, or
        has too much to send already, drops it: then the message comes again.
        """
        self._acks.append(reply)
        if len(self._acks) == 1:
            asyncio.get_running_loop().call_soon(self._send_acks)

    def _send_acks(self) -> None:
        acks = "".join([f"PUB {reply} 4\r\n+ACK\r\n" for reply in self._acks]).encode()
        self._acks.clear()
        if not self.is_closed and self._pending_data_size + len(acks) <= self._max_pending_size:
            self._send(acks)

    def _send(self, frames: bytes) -> None:
        self._pending.append(frames)
        self._pending_data_size += len(frames)
        queue = self._flush_queue
        if queue is not None and queue.empty() and self.is_connected:
            queue.put_nowait(asyncio.get_running_loop().create_future())
