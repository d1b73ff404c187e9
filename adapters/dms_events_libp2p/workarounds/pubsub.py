"""Pubsub: no bytes of a peer can end the node, and bad bytes are counted against the peer."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from google.protobuf.message import DecodeError
from libp2p.crypto.serialization import deserialize_public_key
from libp2p.io.exceptions import IOException
from libp2p.network.connection.exceptions import RawConnError
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.utils import maybe_consume_signed_record

from ..state import Seen, Windows
from .control import keep_known
from .frames import BadFrameError, Frames
from .inbound import Admission
from .peer_streams import KeptStreams
from .queues import Queues
from .window_updates import batch_window_updates

__all__ = ["GuardedPubsub"]

_log = logging.getLogger("dms_events")
_MOST_STRIKES = 20
_MOST_KEYS = 10_000
_MOST_TOPICS = 1_000
"""Topics of one peer; py-libp2p allows 100. All types fit once."""
_LONGEST_TOPIC = 256
_SEQNO_BYTES = 8
_PREFIX = b"libp2p-pubsub:"


class GuardedPubsub(KeptStreams):
    """The pubsub of py-libp2p; it also counts bad bytes, bad signatures and junk of each peer.

    ``on_message`` gets each message, its signer, the result of ``read``, and True if the message may have
    been replayed. A message for which ``read`` returns None is not relayed, nor is one that was heard
    before. A peer with too many strikes is disconnected, and refused from then on.
    """

    def __init__(
        self,
        host: Any,
        router: Any,
        *,
        largest: int,
        most_queued: int,
        last_seqno: int,
        admission: Admission,
        windows: Windows,
        drop_below_window: bool,
        read: Callable[[bytes], Any],
        on_message: Callable[[Any, Any, Any, bool], None],
    ) -> None:
        super().__init__(
            host,
            router,
            max_inbound_rpc_size=largest,
            max_subscriptions_per_peer=_MOST_TOPICS,
            validation_cache_size=1,  # py-libp2p looks through it in full for each message
        )
        # py-libp2p counts from the second of its start, so peers take a restarted node's for duplicates.
        self.counter = last_seqno
        self.peer_queues = Queues(largest, most_queued)
        self.strikes: Counter[Any] = Counter()
        self.unsigned = self.invalid = 0
        self._admission = admission
        self._windows = windows
        self._drop_below_window = drop_below_window
        self._read = read
        self._on_message = on_message
        self._keys: dict[bytes, tuple[Any, Any]] = {}

    def signer_of(self, message: Any) -> Any:
        """Return the peer that signed an accepted message."""
        known = self._keys.get(message.from_id)
        return known[0] if known else ID(message.from_id)

    async def continuously_read_stream(self, stream: Any) -> None:
        """Read the RPCs of a stream.

        In py-libp2p, bytes that are no protobuf end the host, and each message starts a task.
        """
        peer = stream.muxed_conn.peer_id
        batch_window_updates(stream)
        frames = Frames(stream, self.max_inbound_rpc_size)
        self.inbound_begins(stream)
        try:
            while self.manager.is_running and not self._admission.refuses_peer(peer):
                rpc = rpc_pb2.RPC()
                rpc.ParseFromString(await frames.next())
                await self._take(peer, rpc)
        except (StreamError, IOException, RawConnError):
            return
        except (BadFrameError, DecodeError) as error:
            self.strike(peer, str(error), _MOST_STRIKES)
            await self._reset(stream)
        except Exception as error:  # noqa: BLE001
            self.strike(peer, repr(error))
            await self._reset(stream)
        finally:
            self.inbound_ends(stream)

    async def _reset(self, stream: Any) -> None:
        with suppress(Exception):
            await stream.reset()

    async def _take(self, peer: Any, rpc: Any) -> None:
        if not maybe_consume_signed_record(rpc, self.host, peer):
            self.strike(peer, "a bad address record")
            return
        rpc.ClearField("senderRecord")  # the router would check it again
        for message in rpc.publish:
            if self._admission.refuses_peer(peer):
                return  # the peer was disconnected for the messages before
            if self._is_subscribed_to_msg(message):
                await self.push_msg(peer, message)
        if len(rpc.subscriptions) <= self.max_subscriptions_per_rpc:
            for subscription in rpc.subscriptions:
                if len(subscription.topicid) <= _LONGEST_TOPIC:  # py-libp2p keeps any
                    self.handle_subscription(peer, subscription)
        else:
            self.strike(peer, "too many subscriptions")
        if rpc.HasField("control"):
            keep_known(rpc.control, self.topic_ids)
            await self.router.handle_rpc(rpc, peer)

    async def push_msg(self, msg_forwarder: Any, msg: Any) -> None:
        """py-libp2p raises out of a junk key, which ends pubsub, and forgets who sent a bad message."""
        own, message_id = msg_forwarder == self.my_id, msg.from_id + msg.seqno
        if self.seen_messages.has(message_id):
            return
        if not own and not self._is_signed(msg):
            self.unsigned += 1
            self.strike(msg_forwarder, "a message without a right signature")
            return
        signer = self.signer_of(msg)
        if not own and (signer == self.my_id or self._admission.refuses_peer(signer)):
            return
        self.seen_messages.add(message_id)
        seen = (
            Seen.NEW if own else self._windows.take(msg.from_id, int.from_bytes(msg.seqno, "big"))
        )
        if seen is Seen.KNOWN or (seen is Seen.BELOW and self._drop_below_window):
            return
        content = self._read(msg.data)
        self._on_message(msg, signer, content, seen is Seen.BELOW)
        if own or content is not None:
            await self.router.publish(msg_forwarder, msg)
            return
        self.invalid += 1
        # Go relays all that is signed: who passes on junk of another is not to blame.
        if signer == msg_forwarder:
            self.strike(msg_forwarder, "junk")

    def _is_signed(self, message: Any) -> bool:
        if len(message.seqno) != _SEQNO_BYTES or len(message.topicIDs) != 1:
            return False
        try:
            _, key = self._keys.get(message.from_id) or self._key_of(message)
            bare = rpc_pb2.Message(
                data=message.data,
                topicIDs=message.topicIDs,
                from_id=message.from_id,
                seqno=message.seqno,
            )
            return bool(key.verify(_PREFIX + bare.SerializeToString(), message.signature))
        except Exception:  # noqa: BLE001
            return False  # bad ids and keys raise exceptions of any kind

    def _key_of(self, message: Any) -> tuple[Any, Any]:
        """Return the signer and its key. The key is in the id, or in the message (RSA)."""
        signer = ID(message.from_id)
        key = signer.extract_public_key() or deserialize_public_key(message.key)
        if ID.from_pubkey(key) != signer:
            raise ValueError("the key is not the signer's")
        if len(self._keys) >= _MOST_KEYS:
            self._keys.clear()
        self._keys[message.from_id] = signer, key
        return signer, key

    def strike(self, peer: Any, why: str, count: int = 1) -> None:
        """Count strikes against a peer. At 20 it is disconnected, and refused from then on."""
        if len(self.strikes) >= _MOST_KEYS:
            self.strikes.clear()
        self.strikes[peer] += count
        if self.strikes[peer] < _MOST_STRIKES or self._admission.refuses_peer(peer):
            return
        del self.strikes[peer]
        _log.warning(
            "peer %s is disconnected, and refused from now on, after bad messages; the last one: %s",
            peer,
            why,
        )
        self._admission.refuse(peer, self._addresses(peer))
        if self.manager.is_running:
            self.manager.run_task(self._leave, peer)

    def _addresses(self, peer: Any) -> set[str]:
        found = set()
        for connection in self.host.get_network().get_connections(peer):
            remote = connection.muxed_conn.get_remote_address()
            if remote:
                found.add(str(remote[0]))
        return found

    def notify_subscriptions(self, publish_message: Any) -> None:
        """Do nothing: `push_msg` hands messages over itself. py-libp2p drops them beyond 32."""
