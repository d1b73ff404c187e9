"""The message id of a relayed event: the same at every relay, and of one signer and one event."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dms_events.bus import Message
from dms_events.envelope import Envelope, decode_envelope, encode_envelope
from dms_events.types.elk_stats import ServiceRemove
from dms_events.worker.relay import outgoing
from dms_events_libp2p.node.arrivals import Arrived
from dms_events_libp2p.receiving import GossipDelivery

TYPE = "elk_stats.ServiceRemove"
EVENT = ServiceRemove(service_id="x", timestamp=1.0)
SIGNERS = st.sampled_from(["12D3KooWA", "12D3KooWB", "QmA"])
IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
SEQNOS = st.integers(0, 2**64 - 1)


def id_of(signer: str, id: str, seqno: int, number: int = 1, arrived_ns: int = 1) -> str:
    """The message id of what a node heard as its so-manyth message, at a time."""
    data = encode_envelope(Envelope(type=TYPE, data=b"{}", id=id))
    arrived = Arrived(f"dms/events/{TYPE}", signer, seqno, data, arrived_ns, None, False)
    delivery = GossipDelivery(arrived, number, TYPE)
    message = Message(EVENT, TYPE, decode_envelope(data), delivery, delivery.source)
    return outgoing(message).id


@given(SIGNERS, IDS, SEQNOS, st.integers(1, 10), SEQNOS)
def test_two_relays_give_an_event_the_same_id(
    signer: str, id: str, seqno: int, number: int, arrived_ns: int
) -> None:
    assert id_of(signer, id, seqno) == id_of(signer, id, seqno, number, arrived_ns)


@given(SIGNERS, SIGNERS, IDS, IDS, SEQNOS, SEQNOS)
def test_no_two_events_have_one_id(
    signer: str, other: str, id: str, other_id: str, seqno: int, other_seqno: int
) -> None:
    # An event with an ID is sent again under another seqno.
    one, another = (signer, id or seqno), (other, other_id or other_seqno)
    same = id_of(signer, id, seqno) == id_of(other, other_id, other_seqno)
    assert same == (one == another)


@given(SIGNERS, IDS, SEQNOS)
def test_an_id_fits_into_a_header_whatever_its_node_chose(signer: str, id: str, seqno: int) -> None:
    made = id_of(signer, id, seqno)
    assert len(made) == 36
    assert made.isascii()
