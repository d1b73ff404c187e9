"""Which types a sink is asked to store, and which it leaves out."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import dms_events
from dms_events import ConfigError, Forwarder
from dms_events.types.machine import ElasticToken, PeerData
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, running
from tests.kit.storing import call

SECRETS = ("machine.ElasticToken", "network_config.NetworkConfig", "onboarding.LogBinAuth")


async def test_a_sink_of_all_types_stores_all_that_it_may_and_says_what_it_leaves_out(
    nats_server: NatsServer, database: Path
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(PeerData(peer_id="12D3KooWPeer"))
        await bus.publish(ElasticToken(node_id="n", channel_name="c", token="hidden"))
        await bus.publish(call(1))
    words = ("--from", nats_server.url, "--to", f"sqlite:{database}", "--type", "*")
    async with running(*CLI, "sink", "run", *words, "--once", "--json") as command:
        done = await command.finish(30)
    assert done.code == 0, done
    assert json.loads(done.out)["stored"] == 2
    with closing(sqlite3.connect(database)) as connection:
        stored = connection.execute("SELECT type FROM documents ORDER BY 1").fetchall()
    assert stored == [("elk_stats.ServiceCall",), ("machine.PeerData",)]
    assert "left out, as each of them holds a secret: " in done.err
    assert all(name in done.err for name in SECRETS)
    assert (
        "left out, as each of them holds encoded bytes, and a secret may be in them: "
        "machine.KadDHTMachineUpdate, network_config.MessageEnvelope"
    ) in done.err


@pytest.mark.parametrize("wanted", ["*", "machine.*", ElasticToken, "execution.ExecutorType"])
async def test_a_forwarder_of_a_type_that_may_not_be_stored_is_refused(
    nats_server: NatsServer, database: Path, wanted: object
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
    ):
        with pytest.raises(ConfigError, match="which no sink may store"):
            Forwarder(bus, sink, wanted=(wanted,))  # type: ignore[arg-type]
