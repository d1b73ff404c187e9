"""Read what comes to a publisher's reply inbox: an acknowledgement of JetStream, or something else."""

from __future__ import annotations

import time
from typing import Final

import msgspec
import nats.errors

from dms_events.transport import Channel

from ..client import request
from ..connection import DirectClient
from ..delivery import NatsDelivery
from ..subjects import Subjects

__all__ = ["IGNORED", "ApiError", "PubAck", "Streams", "read_ack", "shown"]

_SHOWN_BYTES = 60
_ASK_S = 1.0
_MOST_LEARNED = 4
IGNORED = (
    "%d messages to the reply inbox of this publisher were ignored, for they are no acknowledgements of "
    "a stream that stores its events. Somebody replies to events; the last one: %s"
)
_CHANNELS: Final[tuple[Channel, ...]] = ("events", "dead")


class ApiError(msgspec.Struct):
    """Why JetStream did not store a message."""

    code: int
    description: str = "refused by the server"
    err_code: int = 0


class PubAck(msgspec.Struct):
    """JetStream's answer to a publish."""

    stream: str
    seq: int
    duplicate: bool = False
    error: ApiError | None = None
    batch: str = ""
    count: int = 0


_read = msgspec.json.Decoder(PubAck).decode


def read_ack(data: bytes) -> PubAck | None:
    """The answer of JetStream that ``data`` is; None where it is anything else."""
    try:
        ack = _read(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    # The sequence is 0 in an error, and of a batch of which nothing was new.
    said = ack.seq > 0 or ack.error is not None or ack.batch
    return ack if ack.stream and said else None


def shown(reply: NatsDelivery) -> str:
    """A stranger's reply, short and escaped, for a log."""
    more = "…" if len(reply.data) > _SHOWN_BYTES else ""
    return f"{reply.data[:_SHOWN_BYTES]!r}{more} ({len(reply.data):,} bytes)"


class Streams:
    """The streams that store what is published, as far as the account may ask for them.

    Where it sees no stream of a channel, every stream counts: events may go to one that another account
    exports, or to one behind a leaf node.
    """

    def __init__(self, client: DirectClient, subjects: Subjects) -> None:
        self._client = client
        self._subjects = subjects
        self._names: dict[Channel, frozenset[str]] = {}
        self._asked_at = float("-inf")
        self.acks: tuple[bytes, ...] = ()
        """How acknowledgements began that were read and found good; learned."""

    async def ask(self) -> None:
        """Ask anew."""
        self._asked_at = time.monotonic()
        self._names = {channel: await self._of(channel) for channel in _CHANNELS}
        self.acks = ()

    async def _of(self, channel: Channel) -> frozenset[str]:
        body = {"subject": self._subjects.all_of(channel)}
        try:
            answer = await request(self._client, "STREAM.NAMES", body, timeout_s=_ASK_S)
        except (nats.errors.Error, OSError):
            return frozenset()
        names = frozenset(answer.get("streams") or ())
        return names if len(names) >= answer.get("total", 0) else frozenset()  # it names no more

    @property
    def may_ask(self) -> bool:
        """Whether the last time that they were asked for is long enough ago."""
        return time.monotonic() - self._asked_at > _ASK_S

    def store(self, stream: str, channel: Channel) -> bool:
        """Whether ``stream`` is one of a channel's."""
        names = self._names.get(channel)
        return not names or stream in names

    def is_new_ack(self, reply: bytes, channel: Channel) -> bool:
        """Whether a reply says that a message of a channel is stored, and was not before."""
        ack = read_ack(reply)
        if ack is None or ack.error is not None or ack.duplicate:
            return False
        if not self.store(ack.stream, channel):
            return False
        self.learn(reply)
        return True

    def learn(self, ack: bytes) -> None:
        """Know acknowledgements that begin like this good one."""
        start = ack[: ack.rfind(b":") + 1]
        if len(self.acks) < _MOST_LEARNED and ack[-2:-1].isdigit() and start not in self.acks:
            self.acks = (*self.acks, start)
