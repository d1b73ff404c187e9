"""A folder of files that programs of one machine share: messages, and which of them a reader has in hand.

Its layout, for message 7, which the durable `billing` has handed out twice::

    events/messages/7                       the message; empty after it was deleted
    events/ids/5d41402a…                    a message with this id (hashed) is stored
    events/durables/billing/spec            the patterns and the ack wait of the durable
    events/durables/billing/next            the number of the next message to hand out
    events/durables/billing/out/7.2.1795…   message 7 is out for the 2nd time, and due again at 1795… ns
"""

from __future__ import annotations

import fcntl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from dms_events import OutgoingMessage, PublishError
from dms_events.errors import TransportError
from dms_events.transport import Channel, SubscriptionSpec


class Record(msgspec.Struct):
    """A message as its file holds it."""

    type_name: str
    source: str
    id: str
    stored_ns: int
    data: bytes


class Out(NamedTuple):
    """A message in the hands of a reader, as the name of its file says it."""

    sequence: int
    attempt: int
    due_ns: int


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{uuid.uuid4()}")
    part.write_bytes(data)
    part.replace(path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let nobody else change the folder, in any process; errors of files become errors of the seam."""
    try:
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
            yield
    except OSError as error:
        raise TransportError(f"folder {folder}: {error}") from error


class Log:
    """The messages of one channel, numbered from 1. Its methods need `alone`."""

    def __init__(self, place: Path, channel: Channel) -> None:
        self.place = place
        self.durables = place / channel / "durables"
        self._messages = place / channel / "messages"
        self._ids = place / channel / "ids"
        for folder in (self.durables, self._messages, self._ids):
            folder.mkdir(parents=True, exist_ok=True)
        self._last = 0

    def last(self) -> int:
        while (self._messages / str(self._last + 1)).exists():
            self._last += 1
        return self._last

    def read(self, sequence: int) -> Record | None:
        path = self._messages / str(sequence)
        data = path.read_bytes() if path.exists() else b""
        return msgspec.msgpack.decode(data, type=Record) if data else None

    def store(self, message: OutgoingMessage, most: int) -> None:
        known = self._ids / sha256(message.id.encode()).hexdigest()
        if message.id and known.exists():  # look here first: a full folder accepts it again
            return
        if self.last() >= most and self._count() >= most:
            raise PublishError(f"{self.place} is full at {most} messages", [message])
        record = Record(message.type_name, message.source, message.id, time.time_ns(), message.data)
        write(self._messages / str(self.last() + 1), msgspec.msgpack.encode(record))
        known.touch()  # after the message: a crash in between may store it twice, and loses nothing

    def _count(self) -> int:
        return sum(path.stat().st_size > 0 for path in self._messages.iterdir())

    def delete(self, sequence: int) -> bool:
        if self.read(sequence) is None:
            return False
        write(self._messages / str(sequence), b"")  # the file stays, and so no number is used twice
        for durable in self.durables.iterdir():
            Durable(self, durable).forget(sequence)
        return True


class Durable:
    """What the readers of one name share. Its methods need `alone`."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log = log
        self.folder = folder
        self._out = folder / "out"

    def create(self, spec: SubscriptionSpec) -> None:
        self._out.mkdir(parents=True)
        write(self.folder / "next", str(1 if spec.start == "all" else self.log.last() + 1).encode())
        write(
            self.folder / "spec", msgspec.json.encode(spec)
        )  # last: it says that the rest is there

    def spec(self) -> SubscriptionSpec | None:
        path = self.folder / "spec"
        if not path.exists():
            return None
        return msgspec.json.decode(path.read_bytes(), type=SubscriptionSpec)

    def next(self, spec: SubscriptionSpec) -> Out | None:
        """The message to hand out now, as it would be out for the first time or again."""
        now = time.time_ns()
        due = [out for out in self.out() if out.due_ns <= now]
        if due:
            return min(due)
        sequence = first = int((self.folder / "next").read_bytes())
        while sequence <= self.log.last():
            record = self.log.read(sequence)
            if record is not None and spec.wants(record.type_name):
                break
            sequence += 1
        if sequence != first:
            write(self.folder / "next", str(sequence).encode())
        return Out(sequence, 0, now) if sequence <= self.log.last() else None

    def take(self, spec: SubscriptionSpec) -> tuple[Out, Record] | None:
        if (found := self.next(spec)) is None:
            return None
        record = self.log.read(found.sequence)
        assert record is not None  # `next` has read it, and `delete` takes it out of our hands
        taken = found._replace(attempt=found.attempt + 1)
        self.put_off(taken, spec.ack_wait_s)
        if not found.attempt:
            write(self.folder / "next", str(found.sequence + 1).encode())
        return taken, record

    def out(self, sequence: int | str = "*") -> list[Out]:
        return [Out(*map(int, path.name.split("."))) for path in self._out.glob(f"{sequence}.*.*")]

    def put_off(self, out: Out, by_s: float) -> None:
        """The message is due again after this time, unless it was settled or is out once more."""
        known = self.out(out.sequence)
        if known and known[0].attempt > out.attempt:
            return
        due_ns = time.time_ns() + int(by_s * 1e9)
        (self._out / f"{out.sequence}.{out.attempt}.{due_ns}").touch()
        for old in known:
            (self._out / f"{old.sequence}.{old.attempt}.{old.due_ns}").unlink()

    def forget(self, sequence: int) -> None:
        """The message is settled: also if it was delivered again since then."""
        for path in self._out.glob(f"{sequence}.*.*"):
            path.unlink()

    def backlog(self, spec: SubscriptionSpec) -> int:
        first = int((self.folder / "next").read_bytes())
        records = map(self.log.read, range(first, self.log.last() + 1))
        waiting = sum(r is not None and spec.wants(r.type_name) for r in records)
        return waiting + len(self.out())
