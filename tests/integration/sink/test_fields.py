"""A document keeps the keys of a newer producer, and says who signed a relayed event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dms_events
from dms_events import ConfigError, Envelope, Forwarder, OutgoingMessage
from dms_events.envelope import encode_envelope
from dms_events_nats import NatsServer
from tests.kit.programs.command import complaint
from tests.kit.storing import query

TYPE = "elk_stats.ServiceRemove"


def sealed(number: int, *, claim: str = "", members: str = "") -> OutgoingMessage:
    """An event of ``signer`` as a relay publishes it."""
    data = f'{{"ServiceID":"s","Timestamp":{number}{members}}}'.encode()
    envelope = Envelope(type=TYPE, data=data, source=claim)
    return OutgoingMessage("events", TYPE, "signer", f"id-{number}", encode_envelope(envelope))


async def test_a_trusted_root_and_unknown_keys_reach_the_documents(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    file = tmp_path / "events.db"
    async with (
        dms_events.connect(nats_server.url, root="dms.gossip") as bus,
        dms_events.sink_for(f"sqlite:{file}") as sink,
    ):
        await bus.publish_many(
            [
                sealed(1, claim="signer"),
                sealed(2),
                sealed(3, claim="liar", members=',"Region":"eu"'),
                sealed(4, claim="signer", members=',"GPU":{"Units":2}'),
            ]
        )
        forwarder = Forwarder(bus, sink, trust=["dms.gossip"])
        forwarder.drain()
        await forwarder.run()
    rows = query(file, "SELECT json_extract(body, '$.dms') FROM documents ORDER BY rowid")
    about = [json.loads(dms) for (dms,) in rows]
    names = ("peer_id", "signer", "verified", "claimed_source", "extra")
    assert [tuple(dms.get(name) for name in names) for dms in about] == [
        ("signer", "signer", True, None, None),
        ("signer", "signer", False, None, None),
        ("signer", "signer", False, "liar", {"Region": "eu"}),
        ("signer", "signer", True, None, {"GPU": {"Units": 2}}),
    ]


async def test_a_root_to_trust_has_a_valid_name(nats_server: NatsServer, tmp_path: Path) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        sink = dms_events.sink_for(f"sqlite:{tmp_path}/events.db")
        with pytest.raises(ConfigError, match="trust"):
            Forwarder(bus, sink, trust=["dms.*"])


async def test_the_command_refuses_to_trust_a_root_that_it_does_not_read(tmp_path: Path) -> None:
    into = ("--to", f"sqlite:{tmp_path}/events.db")
    line = await complaint("sink", "run", *into, "--root", "dms.gossip", "--trust", "dms.gosip")
    assert "the events come from the root dms.gossip (--root), and dms.gosip is another" in line
