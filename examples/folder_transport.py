"""A transport over a folder, which the programs of one machine share: ``folder:PATH``."""

from __future__ import annotations

import asyncio
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dms_events import ConfigError, ConnectionLostError, OutgoingMessage, PublishError
from dms_events.errors import TransportError
from dms_events.names import checked_root, no_such_durable
from dms_events.transport import (
    Channel,
    Delivery,
    Guarantees,
    Receiver,
    SubscriptionSpec,
    SupportsDeadLetters,
    Transport,
)
from folder_store import Durable, Log, Out, alone

POLL_S = 0.02
"""How often a waiting reader looks: a folder tells nobody that it has changed."""


class FolderDelivery(Delivery, msgspec.Struct, eq=False):
    """One message in the hands of one reader."""

    data: bytes
    stored_ns: int
    type_name: str
    source: str
    message_id: str
    sequence: int
    attempt: int
    ack_wait_s: float
    durable: Durable
    settled: bool = False

    async def ack(self) -> None:
        if self._settle():
            with alone(self.durable.log.place):
                self.durable.forget(self.sequence)

    async def nak(self, delay_s: float = 0.0) -> None:
        if self._settle():
            self._put_off(delay_s)

    async def in_progress(self) -> None:
        if not self.settled:
            self._put_off(self.ack_wait_s)

    def _put_off(self, by_s: float) -> None:
        with alone(self.durable.log.place):
            if self.durable.out(self.sequence):  # else another reader has settled it
                self.durable.put_off(Out(self.sequence, self.attempt, 0), by_s)

    def _settle(self) -> bool:
        """True at the first call: only the first settling counts."""
        first, self.settled = not self.settled, True
        return first


class FolderReceiver(Receiver):
    """One reader. It holds nothing: `pop` takes a message out of the folder."""

    def __init__(self, durable: Durable, spec: SubscriptionSpec, *, is_ephemeral: bool) -> None:
        self._durable = durable
        self._spec = spec
        self._place = durable.log.place
        self._is_ephemeral = is_ephemeral
        self._closed = False
        self.ack_wait_s = spec.ack_wait_s

    def pop(self) -> FolderDelivery | None:
        if self._closed:
            return None
        with alone(self._place):
            taken = self._durable.take(self._spec)
        if taken is None:
            return None
        (sequence, attempt, _), it = taken
        ids = (it.type_name, it.source, it.id, sequence, attempt)
        return FolderDelivery(it.data, it.stored_ns, *ids, self.ack_wait_s, self._durable)

    async def wait(self, timeout_s: float | None) -> bool:
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._closed:
            with alone(self._place):
                if self._durable.next(self._spec):
                    return True
            if end is not None and time.monotonic() >= end:
                return False
            await asyncio.sleep(POLL_S)
        raise ConnectionLostError("the subscription is closed")

    async def backlog(self) -> int:
        with alone(self._place):
            return self._durable.backlog(self._spec)

    async def close(self) -> None:
        if self._is_ephemeral and not self._closed:
            with alone(self._place):
                shutil.rmtree(self._durable.folder)
        self._closed = True


class FolderTransport(Transport, SupportsDeadLetters):
    """Events in a folder: ``folder:PATH``."""

    guarantees = Guarantees(
        acknowledges=True,
        durable=True,
        dedupes=True,
        full="error",
        ordered=True,
        authenticates=False,
    )
    max_payload = 1 << 20

    def __init__(self, url: str, *, root: str = "dms", max_messages: int = 1_000_000) -> None:
        self._place = Path(url.removeprefix("folder:")) / checked_root(root)
        self._max_messages = max_messages
        self._logs: dict[Channel, Log] = {}
        self._receivers: list[FolderReceiver] = []

    @property
    def where(self) -> str:
        return f"folder:{self._place}"

    async def open(self) -> None:
        try:
            self._logs = {channel: Log(self._place, channel) for channel in ("events", "dead")}
        except OSError as error:
            raise ConnectionLostError(f"folder {self._place}: {error}") from error

    async def close(self) -> None:
        self._logs = {}
        for receiver in self._receivers:
            await receiver.close()

    def _log(self, channel: Channel) -> Log:
        if channel not in self._logs:
            raise ConnectionLostError(f"folder {self._place} is not open")
        return self._logs[channel]

    async def publish(self, message: OutgoingMessage) -> None:
        log = self._log(message.channel)
        if (size := len(message.data)) > self.max_payload:
            reason = f"{size} bytes, and {self.max_payload} are the limit"
            raise PublishError(reason, [message], refused_for_good=[message])
        try:
            with alone(self._place):
                log.store(message, self._max_messages)
        except PublishError:
            raise
        except TransportError as error:
            raise PublishError(str(error), [message]) from error

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        if spec.partitioned:
            raise ConfigError("partitioned", "a folder has no partitions; leave it out")
        log = self._log(spec.channel)
        # No durable has a dot in its name, so it is a file's name, and this one is of no durable.
        durable = Durable(log, log.durables / (spec.durable or f".{uuid.uuid4()}"))
        with alone(self._place):
            known = durable.spec()
            if known is None:
                if spec.must_exist:
                    raise no_such_durable(spec.durable or "", self._names(log))
                durable.create(spec)
            elif set(known.patterns) != set(spec.patterns):
                raise ConfigError(
                    "durable",
                    f"{spec.durable!r} exists and reads {', '.join(sorted(known.patterns))}. "
                    "Choose another durable name",
                )
        receiver = FolderReceiver(durable, known or spec, is_ephemeral=not spec.durable)
        self._receivers.append(receiver)
        return receiver

    def _names(self, log: Log) -> list[str]:
        return [path.name for path in log.durables.iterdir() if not path.name.startswith(".")]

    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        log = self._log(channel)
        with alone(self._place):
            record = log.read(sequence)
        return None if record is None else record.data

    async def delete(self, channel: Channel, sequence: int) -> bool:
        log = self._log(channel)
        with alone(self._place):
            return log.delete(sequence)

    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        log = self._log("events")
        with alone(self._place):
            names = [durable] if durable else self._names(log)
            specs = {name: Durable(log, log.durables / name).spec() for name in names}
        return sorted(
            name for name, spec in specs.items() if spec and spec.wants(message.type_name)
        )
