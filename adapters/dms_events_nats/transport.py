"""The NATS transport: connecting, reconnecting, publishing and subscribing on JetStream or core NATS."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Literal
from weakref import WeakSet

from nats.js.manager import JetStreamManager

from dms_events.errors import ConfigError, ConnectionLostError
from dms_events.names import checked_root
from dms_events.transport import (
    Answer,
    Guarantees,
    OutgoingMessage,
    PublishCounts,
    Receiver,
    SubscriptionSpec,
    SupportsPublishCounts,
    SupportsRequests,
    Transport,
)

from .client import checked_url, flush
from .connection import Attempts, Credentials, DenialLog, LinkClient, denial_in
from .publish import CorePublisher, Publisher
from .read import CoreReceiver, PartitionedReceiver, PullReceiver, open_receiver
from .requests import Requests
from .setup import EventsSetup, NatsSetup, StreamSetup, check_streams, make_streams
from .stored import Stored
from .subjects import Subjects

__all__ = ["NatsTransport"]

_log = logging.getLogger("dms_events")
_PENDING_BYTES = 16 << 20
"""Above so many unsent bytes the client itself waits, deaf to a cancellation. Publishers wait earlier."""


class NatsTransport(Transport, Stored, SupportsPublishCounts, SupportsRequests):
    """JetStream, or core NATS with ``durable=False``.

    A lost connection is made again for as long as the bus is open. With JetStream, events that were not
    acknowledged are then sent again under their identity, and messages not settled are delivered again.

    Args:
        url: ``nats://[user:password@]host:port``; several, separated by commas.
        root: first part of all subjects, ``<root>.events.<module>.<Type>.<source>``, and of the names
            of the streams (``dms`` → ``DMS_EVENTS``, ``DMS_DEAD``).
        durable: False for core NATS: nothing is stored or acknowledged.
        make_streams: make missing streams. False for an account that may only publish.
        storage: of streams made here. ``"file"`` survives a killed server. It survives a power loss only
            if the server runs with ``sync_interval: always``.
        replicas: of streams made here.
        max_messages: of the events stream made here; when it is full, publishing fails.
        max_bytes: of the events stream made here; when it is full, publishing fails.
        core_buffer_bytes: the most bytes that a reader of core NATS holds in messages not taken yet, of
            which it holds at most 65,536. Messages beyond that are dropped, counted and logged.
        duplicate_window_s: how long the server remembers identities, for streams made here.
        connect_timeout_s: how long each server is tried, in turn.
        retry_on_failed_connect: try a server that does not listen again, since it may be starting, until
            ``connect_timeout_s`` has passed for each. False for an error once each has failed.
        publish_timeout_s: how long publishing goes on without progress (no acknowledgement comes, and no
            waiting byte leaves), reconnects included. `close` takes at most as long.
        link_timeout_s: a link is replaced when, for so long, no byte came in and no waiting byte left.
        ping_interval_s: how often the server is asked for an answer, so that bytes move on a living link.
        inbox_prefix: where the server's answers go, ``<prefix>.>``. With a prefix of its own, which no
            other account may publish to, nobody can forge an answer (``docs/nats.md``).
        credentials: a NATS ``.creds`` file. It is read anew for each connection.
        tls: a TLS context, for a server that asks for TLS.
        tls_handshake_first: begin with TLS, before the server's greeting. Without it, the connection to
            a server (or somebody in its place) that asks for no TLS is not encrypted.

    Raises:
        ConfigError: a setting is malformed or out of range; the error names it.
    """

    def __init__(
        self,
        url: str,
        *,
        root: str = "dms",
        durable: bool = True,
        make_streams: bool = True,
        storage: Literal["file", "memory"] = "file",
        replicas: int = 1,
        max_messages: int = -1,
        max_bytes: int = -1,
        core_buffer_bytes: int = 64 << 20,
        duplicate_window_s: float = 120.0,
        connect_timeout_s: float = 5.0,
        retry_on_failed_connect: bool = True,
        publish_timeout_s: float = 30.0,
        link_timeout_s: float = 10.0,
        ping_interval_s: float = 3.0,
        inbox_prefix: str = "_INBOX",
        credentials: str | os.PathLike[str] | None = None,
        tls: ssl.SSLContext | None = None,
        tls_handshake_first: bool = False,
    ) -> None:
        self._servers = [checked_url(part.strip()) for part in url.split(",")]
        self._place = ", ".join(server.rpartition("@")[2] for server in self._servers)
        self._subjects = Subjects(root)
        self._durable = durable
        if core_buffer_bytes < 1:
            raise ConfigError("core_buffer_bytes", f"must be at least 1, not {core_buffer_bytes}")
        self._core_buffer_bytes = core_buffer_bytes
        self._make_streams = make_streams
        self._setup = NatsSetup(
            root=root,
            events=EventsSetup(
                storage=storage,
                replicas=replicas,
                max_messages=max_messages,
                max_bytes=max_bytes,
                duplicate_window_s=duplicate_window_s,
            ),
            dead=StreamSetup(
                storage=storage, replicas=replicas, duplicate_window_s=duplicate_window_s
            ),
        )
        self._connect_timeout_s = connect_timeout_s
        self._publish_timeout_s = publish_timeout_s
        self._inbox_prefix = checked_root(inbox_prefix, setting="inbox_prefix")
        self._credentials = Credentials(credentials) if credentials else None
        self._tls = tls or (ssl.create_default_context() if tls_handshake_first else None)
        self._tls_handshake_first = tls_handshake_first
        again = retry_on_failed_connect
        self._attempts = Attempts(len(self._servers), connect_timeout_s, self._place, again=again)
        self._client = LinkClient(self._attempts, link_timeout_s, ping_interval_s)
        self._manager: JetStreamManager | None = None
        self._publisher: Publisher | CorePublisher = CorePublisher(
            self._client, self._subjects, publish_timeout_s
        )
        self._requests = Requests(self._client, self._subjects, publish_timeout_s)
        self._opened = False
        self._denials = DenialLog()
        self._receivers: WeakSet[PullReceiver | PartitionedReceiver | CoreReceiver] = WeakSet()
        self.guarantees = Guarantees(
            acknowledges=durable,
            durable=durable,
            dedupes=durable,
            full="error" if durable else "drop",
            ordered=True,
            authenticates=False,
        )

    @property
    def max_payload(self) -> int:
        return self._client.max_payload

    @property
    def client(self) -> LinkClient:
        """The connection, for the parts of this adapter that work without a bus."""
        return self._client

    async def open(self) -> None:
        try:
            await self._attempts.first(self._connect())
            self._client.watch()
            if self._durable:
                await self._open_jetstream()
        except BaseException:
            await self._client.end()
            raise
        self._opened = True

    async def _connect(self) -> None:
        if self._credentials is not None:
            self._credentials.check()
        await self._client.connect_for_good(
            servers=self._servers,
            connect_timeout=self._connect_timeout_s,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnect,
            reconnected_cb=self._on_reconnect,
            closed_cb=self._on_close,
            user_jwt_cb=self._credentials.jwt if self._credentials else None,
            signature_cb=self._credentials.sign if self._credentials else None,
            inbox_prefix=self._inbox_prefix,
            pending_size=_PENDING_BYTES,
            tls=self._tls,
            tls_handshake_first=self._tls_handshake_first,
        )

    async def _open_jetstream(self) -> None:
        if self._make_streams:
            await make_streams(self._client, self._setup, self._connect_timeout_s)
        else:
            await check_streams(self._client, self._setup)
        # Set before it opens: while opening, it must hear that its inbox is not permitted.
        self._publisher = Publisher(self._client, self._subjects, self._publish_timeout_s)
        await self._publisher.open()
        self._manager = self._client.jsm()

    async def publish(self, message: OutgoingMessage) -> None:
        self._check_open("publish")
        await self._publisher.publish_one(message)

    async def publish_many(self, messages: Iterable[OutgoingMessage]) -> int:
        self._check_open("publish")
        return await self._publisher.publish(messages)

    @property
    def publish_counts(self) -> PublishCounts:
        return self._publisher.counts

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        self._check_open("subscribe")
        receiver = await open_receiver(
            self._client, self._manager, self._subjects, spec, self._core_buffer_bytes
        )
        self._receivers.add(receiver)
        return receiver

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        self._check_open("request")
        return await self._requests.request(message, to, timeout_s)

    def respond(self, type_name: str, answer: Answer) -> AbstractAsyncContextManager[None]:
        self._check_open("respond")
        return self._requests.respond(type_name, answer)

    def _check_open(self, doing: str) -> None:
        if not self._opened or self._client.is_closed:
            raise ConnectionLostError(f"{doing}: the bus is not open; use it in async with")

    async def close(self) -> None:
        away, unsent = self._attempts.away, self._client.holds_unsent
        in_time = await self._client.leave(self._leave(), self._publish_timeout_s)
        if self._opened and not in_time:
            _log.warning(
                "the bus was closed without an answer from %s: the connection stood still",
                self._place,
            )
        if self._opened and not self._durable and (not in_time or (away and unsent)):
            why = f" ({away})" if away else ""
            raise ConnectionLostError(f"close: the events published last may be lost{why}")

    async def _leave(self) -> None:
        for receiver in list(self._receivers):
            await receiver.close()
        if self._client.is_connected:
            await flush(self._client, self._publish_timeout_s)

    @property
    def where(self) -> str:
        return f"{self._place}, root {self._setup.root}"

    async def _on_error(self, error: Exception) -> None:
        _log.debug("NATS: %s", error)
        if not self._client.is_connected:
            self._attempts.failed(self._client.server, error)
        elif denial := denial_in(error):
            told = self._client.deny(denial), self._publisher.deny(denial)
            if not any((*told, self._requests.deny(denial))):
                self._denials.add(denial)

    async def _on_disconnect(self) -> None:
        if not self._client.is_closed:
            why = self._attempts.lost_because
            _log.warning("lost the connection to %s (%s), connecting again", self._place, why)

    async def _on_reconnect(self) -> None:
        _log.warning("connected to %s again", self._place)
        self._attempts.over()
        self._publisher.reconnected()
        for receiver in list(self._receivers):
            receiver.reconnected()

    async def _on_close(self) -> None:
        self._attempts.over()
        self._publisher.closed()
        self._client.end_questions()
        for receiver in list(self._receivers):
            receiver.fail(ConnectionLostError("the connection to NATS is closed"))
