"""Read messages to a publisher's reply inbox: an acknowledgement of JetStream, or something else."""

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
    "%d messages to the reply inbox of this publisher were ignored, because they are no acknowledgements "
    "of a stream that stores its events. Somebody replies to events. The last one: %s"
)
_CHANNELS: Final[tuple[Channel, ...]] = ("events", "dead")


class ApiError(msgspec.Struct):
    """The reason why JetStream did not store a message."""

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
    """Return ``data`` as an answer of JetStream; None if it is anything else."""
    try:
        ack = _read(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    # The sequence is 0 in an error, and for a batch without a new message.
    said = ack.seq > 0 or ack.error is not None or ack.batch
    return ack if ack.stream and said else None


def shown(reply: NatsDelivery) -> str:
    """Return a stranger's reply, short and escaped, for a log."""
    more = "…" if len(reply.data) > _SHOWN_BYTES else ""
    return f"{reply.data[:_SHOWN_BYTES]!r}{more} ({len(reply.data):,} bytes)"


class Streams:
    """The streams that store published events, as far as the account may ask for them.

    If the account sees no stream of a channel, every stream counts as one: events may go to a stream
    that another account exports, or to one behind a leaf node.
    """

    def __init__(self, client: DirectClient, subjects: Subjects) -> None:
        self._client = client
        self._subjects = subjects
        self._names: dict[Channel, frozenset[str]] = {}
        self._asked_at = float("-inf")
        self.acks: tuple[bytes, ...] = ()
        """The beginnings of acknowledgements that were decoded and found good."""

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
        return names if len(names) >= answer.get("total", 0) else frozenset()  # not all were named

    @property
    def may_ask(self) -> bool:
        """True if the streams were not asked for a moment ago."""
        return time.monotonic() - self._asked_at > _ASK_S

    def store(self, stream: str, channel: Channel) -> bool:
        """Return True if ``stream`` stores the events of a channel."""
        names = self._names.get(channel)
        return not names or stream in names

    def is_new_ack(self, reply: bytes, channel: Channel) -> bool:
        """Return True if a reply says that a message of a channel is stored, and is no duplicate."""
        ack = read_ack(reply)
        if ack is None or ack.error is not None or ack.duplicate:
            return False
        if not self.store(ack.stream, channel):
            return False
        self.learn(reply)
        return True

    def learn(self, ack: bytes) -> None:
        """Recognize acknowledgements that begin like this good one."""
        start = ack[: ack.rfind(b":") + 1]
        if len(self.acks) < _MOST_LEARNED and ack[-2:-1].isdigit() and start not in self.acks:
            self.acks = (*self.acks, start)
