"""``dms-events relay``: how it begins, what it says, and how it ends."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM

import msgspec
import pytest

import dms_events
from dms_events import Bus, OutgoingMessage, RelayTally
from dms_events_nats import NatsServer
from tests.contract.places import until as until_true
from tests.kit.libp2p.buses import connect, eventually, heard_at, hears
from tests.kit.libp2p.relays import bare, relaying, stored
from tests.kit.programs.command import complaint
from tests.kit.programs.processes import CLI, Running, running, until
from tests.kit.servers.operator import Operator
from tests.kit.soak import sized
from tests.kit.storing import call, prepared

CALL = "elk_stats.ServiceCall"


@asynccontextmanager
async def relay(
    node: Bus, folder: Path, *words: object, nats: str, level: str = "info"
) -> AsyncIterator[Running]:
    """The command with a key and a state of its own, once it hears a node."""
    command = (
        *(*CLI, "relay", "--json", "--log-level", level, "--to", nats),
        *("--from", "libp2p://127.0.0.1:0", "--bootstrap", node.transport.addresses[0]),
        *("--key-file", folder / "key", "--state-dir", folder / "state"),
    )
    async with running(*command, *words) as process:

        def listens() -> re.Match[str] | None:
            return re.search(r"libp2p node (\w+), .* listens on /ip4/127", process.err)

        await until(lambda: bool(listens()), "it listens", by=process)
        found = listens()
        assert found is not None
        await heard_at(node, found[1])
        yield process


async def until_stored(count: int, at: Operator, stream: str = "DMS_EVENTS") -> None:
    """Wait until a stream holds so many messages."""

    async def there() -> bool:
        return sum((await at.subjects(stream)).values()) >= count

    await until_true(there, within_s=30)


def tally_in(text: str) -> RelayTally:
    return msgspec.convert(json.loads(text), RelayTally)


async def test_sigterm_ends_it_in_peace_with_its_figures(
    nats_server: NatsServer, operator: Operator, tmp_path: Path
) -> None:
    async with (
        connect() as node,
        relay(
            node, tmp_path, "--root", "dms.gossip", "--type", "ServiceCall", nats=nats_server.url
        ) as process,
    ):
        await node.publish_many(prepared(node, 300))
        await until_stored(300, operator, "DMS_GOSSIP_EVENTS")
        process.send(SIGTERM)
        done = await process.finish()
    assert done.code == 0, done
    tally = tally_in(done.out)
    found = await stored(nats_server.url, "DMS_GOSSIP_EVENTS")
    assert {one.source for one in found} == {node.transport.peer_id}
    assert tally == RelayTally(stored=300)


@pytest.mark.soak
async def test_a_relay_that_is_killed_loses_and_doubles_nothing_beside_another_one(
    nats_server: NatsServer, operator: Operator, tmp_path: Path
) -> None:
    published = 0

    async def publish() -> None:
        nonlocal published
        envelopes = [bare(dms_events.encode(call(published + n))) for n in range(100)]
        published += len(envelopes)
        await node.publish_many([OutgoingMessage("events", CALL, "", "", e) for e in envelopes])

    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as node,
        relaying(target, node) as stays,
    ):
        await hears(node, stays.node)
        for _ in range(sized(1, 20)):
            async with relay(node, tmp_path, nats=nats_server.url) as killed:
                await publish()
                await killed.kill()
                await publish()
        async with relay(node, tmp_path, nats=nats_server.url) as again:
            await publish()
            await until_stored(published, operator)
            again.send(SIGTERM)
            assert (await again.finish()).code == 0
        await eventually(lambda: stays.tally.stored + stays.tally.duplicates == published)
    found = await stored(nats_server.url)
    assert len(found) == len({m.id for m in found}) == len({m.data for m in found}) == published


async def test_what_cannot_be_published_at_the_end_is_an_error_of_one_line(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with (
        connect() as node,
        relay(
            *(node, tmp_path, "--drain", "0.3", "--buffer-messages", "20"), nats=nats_server.url
        ) as process,
    ):
        await nats_server.kill()
        await until(lambda: "connecting again" in process.err, "it sees that", by=process)
        await node.publish_many(prepared(node, 600))
        await until(lambda: "messages were dropped" in process.err, "no room", by=process)
        process.send(SIGTERM)
        done = await process.finish()
    assert (done.code, done.out) == (1, "")
    last = done.err.splitlines()[-1]
    assert re.match(r"dms-events: \d+ events .* are not relayed within 0.3 s: ", last), done


async def test_a_relay_from_or_to_what_it_cannot_use_is_an_error_of_one_line() -> None:
    said = await complaint("relay", "--from", "nats://127.0.0.1:1")
    assert "--from: must be libp2p://HOST:PORT" in said
    said = await complaint("relay", "--from", "libp2p://127.0.0.1:0", "--to", "memory://")
    assert "memory:// does not keep events" in said
    assert "takes only nats://" in await complaint("relay", "--to", "libp2p://127.0.0.1:0")
