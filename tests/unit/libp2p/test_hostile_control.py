"""What a peer says of topics costs a bounded amount, and what it asks for twice it gets once."""

from __future__ import annotations

from collections.abc import Iterator

from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_uvarint

from dms_events.types.elk_stats import ServiceCall
from dms_events_libp2p.workarounds.control import keep_known
from tests.contract.places import collect
from tests.kit.libp2p.buses import connect, hears
from tests.kit.libp2p.hostile import TOPIC, attack, framed, message
from tests.unit.libp2p.test_hostile_peers import GOOD, alive

PAIR = create_new_key_pair()


def rpc(**fields: object) -> bytes:
    """An RPC with these fields, as it stands on a stream."""
    data = rpc_pb2.RPC(**fields).SerializeToString()
    return bytes(encode_uvarint(len(data)) + data)


def control(**fields: object) -> bytes:
    return rpc(control=rpc_pb2.ControlMessage(**fields))


def of_topics(count: int) -> Iterator[bytes]:
    """Control messages of so many topics that nobody has."""
    names = [f"{TOPIC}{n}" for n in range(count)]
    yield control(prune=[rpc_pb2.ControlPrune(topicID=name, backoff=60) for name in names])
    yield control(graft=[rpc_pb2.ControlGraft(topicID=name) for name in names])
    yield control(ihave=[rpc_pb2.ControlIHave(topicID=name, messageIDs=[b"x"]) for name in names])
    yield rpc(
        subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=f"{n}" * 300) for n in range(9)]
    )


async def test_topics_that_nobody_here_has_are_not_remembered() -> None:
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        [address] = victim.transport.addresses
        parts = [*of_topics(2_000), framed(message(PAIR, GOOD))]
        node = victim.transport._node
        async with victim.subscribe(ServiceCall) as messages:
            await attack(address, parts, PAIR, within_s=0.2)
            await collect(messages, 1)
        assert set(node.router.back_off) <= {TOPIC}
        assert not any(len(kept) > 1 for kept in node.router.ihave_message_limits.values())
        assert all(len(topic) <= 256 for topic in list(node.pubsub.peer_topics))
        await alive(victim, friend)


def test_what_is_said_twice_counts_once() -> None:
    said = rpc_pb2.ControlMessage(
        iwant=[
            rpc_pb2.ControlIWant(messageIDs=[b"a"] * 20_000),
            rpc_pb2.ControlIWant(messageIDs=[b"b", b"a"]),
        ],
        graft=[rpc_pb2.ControlGraft(topicID=TOPIC)] * 3,
        ihave=[
            rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=[b"c", b"c"]),
            rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=[b"d"]),
        ],
        idontwant=[rpc_pb2.ControlIDontWant(messageIDs=[b"e"])],
    )
    keep_known(said, {TOPIC})
    assert said == rpc_pb2.ControlMessage(
        iwant=[rpc_pb2.ControlIWant(messageIDs=[b"a", b"b"])],
        graft=[rpc_pb2.ControlGraft(topicID=TOPIC)],
        ihave=[rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=[b"c", b"d"])],
        idontwant=[rpc_pb2.ControlIDontWant(messageIDs=[b"e"])],
    )
