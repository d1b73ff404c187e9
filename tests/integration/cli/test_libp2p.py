"""The command over libp2p, with a Go peer (go-libp2p) on the far side."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
import pytest_asyncio

import dms_events
from tests.kit.extras import require_libp2p
from tests.kit.go.libp2p import GoNode, build
from tests.kit.libp2p.go_peers import free_port
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.programs.processes import CLI, run, running, until
from tests.kit.servers.hanging import silent
from tests.kit.storing import call

require_libp2p()

CALL = dms_events.encode(call(1)).decode()
NODE = ("--url", "libp2p://127.0.0.1:0")
PUBLISH = ("publish", "ServiceCall", CALL, *NODE)
NOBODY = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEqnTdgqHnkkwarSrJjeMP2ZJiADWLYADaNvUb6SQNyPF"
WORKER = """
from dms_events import Worker
from dms_events.types.elk_stats import ServiceCall

worker = Worker({})


@worker.on(ServiceCall)
async def watch(event, message):
    print(message.source, event.status, flush=True)
"""
LOADED_S = 10.0
"""For an end that takes 2 s at most where the machine has nothing else to do."""


@pytest.fixture(scope="module")
def go() -> Path:
    return build()


@pytest_asyncio.fixture
async def node(go: Path) -> AsyncIterator[GoNode]:
    async with GoNode.run(go) as node:
        yield node


async def key_at(path: Path) -> str:
    """Make a key file; returns the peer id."""
    await answer("libp2p", "key", path)
    return (await answer("libp2p", "id", path)).strip()


async def test_a_key_file_is_made_once_and_shows_its_public_half(go: Path, tmp_path: Path) -> None:
    file = tmp_path / "node.key"
    made, *shown = (await answer("libp2p", "key", file)).splitlines()
    secret = file.read_text()
    assert made == f"made {file}"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (await answer("libp2p", "key", file)).splitlines() == shown
    assert file.read_text() == secret
    assert [line.rpartition("  ")[0].strip() for line in shown] == [
        "peer id",
        "key type",
        "public key",
    ]
    id_ = (await answer("libp2p", "id", file)).strip()
    assert shown[0].endswith(f" {id_}")
    assert secret.strip()[8:40] not in "".join(shown)
    async with GoNode.run(go, key=str(file)) as node:
        assert node.peer == id_


async def test_a_file_that_is_no_key_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("my secret notes")
    file.chmod(0o600)
    for command in ("key", "id"):
        line = await complaint("libp2p", command, file)
        assert line == f"dms-events: key_file: {file} does not hold a marshalled libp2p key"
    assert file.read_text() == "my secret notes"
    missing = tmp_path / "none"
    line = await complaint("libp2p", "id", missing)
    assert line.endswith(f"{missing} does not exist; `dms-events libp2p key {missing}` makes it")
    assert not missing.exists()
    assert "No such file" in await complaint("libp2p", "key", tmp_path / "no" / "folder")


async def test_a_ping_prints_the_round_trips(node: GoNode) -> None:
    out = await answer("libp2p", "ping", node.address, "--count", 2)
    assert re.fullmatch(r"(answered in \d+\.\d{3} ms\n){2}", out)
    result = json.loads(await answer("libp2p", "ping", node.address, "--json"))
    assert (result["Success"], result["Error"]) == (True, None)
    assert result["RTT"] > 0


async def test_a_ping_without_an_answer_exits_with_1(node: GoNode) -> None:
    node.freeze()
    done = await dms("libp2p", "ping", node.address, "--timeout", 0.3)
    assert (done.code, done.out, done.err) == (1, "no answer within 0.3 s\n", "")
    assert f"cannot connect to {NOBODY}" in await complaint("libp2p", "ping", NOBODY)
    assert "is not a TCP address" in await complaint("libp2p", "ping", "/ip4/127.0.0.1/tcp/1")


async def test_who_is_there_is_listed(node: GoNode) -> None:
    bootstrap = ("--bootstrap", node.address)
    for _ in range(5):  # a peer may say late what it subscribes to
        heading, row = (await answer("libp2p", "peers", *bootstrap)).splitlines()
        if re.search(r" ms +1 ", row):
            break
    assert re.split(r"  +", heading) == ["peer", "dialled by", "round trip", "types", "addresses"]
    peer, dialled_by, round_trip, types, address = re.split(r"  +", row)
    assert (peer, dialled_by, types) == (node.peer, "this node", "1")
    assert node.address == f"{address}/p2p/{peer}"
    assert round_trip.endswith(" ms")
    [found] = map(json.loads, (await answer("libp2p", "peers", *bootstrap, "--json")).splitlines())
    assert found["peer_id"] == node.peer
    assert 0 < found["latency_s"] < 5
    nobody = ("libp2p", "peers", "--bootstrap", NOBODY, "--wait", 0.2)
    assert (
        await complaint(*nobody)
        == "dms-events: no peer was found: no --bootstrap peer answered within 0.2 s"
    )
    assert "name a peer to connect to" in await complaint("libp2p", "peers")


async def test_who_looks_for_the_same_name_is_listed(go: Path) -> None:
    name = ("--dht-prefix", "/nunet", "--rendezvous", "stats")
    async with (
        GoNode.run(go, dht_prefix="/nunet") as hub,
        GoNode.run(go, connect=hub.address, dht_prefix="/nunet", rendezvous="stats") as node,
    ):
        words = ("peers", "--json", "--count", 2, "--wait", 60, "--bootstrap", hub.address)
        out = await answer("libp2p", *words, *name)
    assert {json.loads(line)["peer_id"] for line in out.splitlines()} == {hub.peer, node.peer}


async def test_tail_prints_what_a_go_peer_gossips_with_its_signer(node: GoNode) -> None:
    words = ("tail", "ServiceCall", "--count", 2, *NODE, "--bootstrap", node.address)
    async with running(*CLI, *words) as tail:
        await node.wait("joined", 1)
        node.publish(2)
        done = await tail.finish()
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) == 2
    assert all(f" elk_stats.ServiceCall {node.peer} " in line for line in lines)
    assert all('"Status":"from Go"' in line for line in lines)


async def test_publish_waits_for_a_peer_and_says_how_many_subscribe(
    node: GoNode, tmp_path: Path
) -> None:
    id_ = await key_at(tmp_path / "key")
    own = ("--key-file", tmp_path / "key", "--bootstrap", node.address)
    out = await answer(*PUBLISH, *own)
    assert out == "published 1 elk_stats.ServiceCall; 1 peer subscribes to it\n"
    [event] = await node.wait("message", 1)
    assert event["from"] == id_
    nobody = ("--wait-for-peers", 0.2)
    line = await complaint(*PUBLISH, *nobody)
    assert line.endswith(
        "subscribes to dms/events/elk_stats.ServiceCall within 0.2 s; 0 peers are connected"
    )
    line = await complaint(
        "publish", "ServiceRemove", '{"ServiceID":"s","Timestamp":1}', *NODE, *nobody
    )
    assert "subscribes to dms/events/elk_stats.ServiceRemove" in line


async def test_a_worker_handles_what_a_go_peer_gossips(node: GoNode, tmp_path: Path) -> None:
    for name, durable in (("watch", ""), ("billing", "'billing'")):
        (tmp_path / f"{name}.py").write_text(WORKER.format(durable))
    peers = ("--bootstrap", NOBODY, "--bootstrap", node.address)
    options = (*NODE, *peers, "--key-file", tmp_path / "key", "--json")
    # It hands the options on to the process that it starts again, as variables.
    reloading = (*CLI, "worker", "watch:worker", "--reload", *options)
    async with running(*reloading, cwd=tmp_path) as worker:
        await node.wait("joined", 1)
        node.publish(3)
        await until(lambda: worker.out.count("from Go") == 3, "it handles", by=worker)
        worker.send(SIGINT)
        done = await worker.finish()
    assert done.code == 0, done
    assert done.out.splitlines()[:3] == 3 * [f"{node.peer} from Go"]
    assert json.loads(done.out.splitlines()[-1])["handled"] == 3
    done = await run(*CLI, "worker", "billing:worker", *options, cwd=tmp_path)
    assert done.code == 1
    assert "dms-events: durable: " in done.err.splitlines()[-1]


async def test_variables_connect_a_node_and_a_flag_counts_more(
    node: GoNode, tmp_path: Path
) -> None:
    id_ = await key_at(tmp_path / "key")
    variables = {
        "DMS_EVENTS_URL": NODE[1],
        "DMS_EVENTS_KEY_FILE": str(tmp_path / "key"),
        "DMS_EVENTS_BOOTSTRAP": f"{NOBODY} {node.address}",
        "DMS_EVENTS_WAIT_FOR_PEERS": "20",
        "DMS_EVENTS_CREDENTIALS": "of NATS",
    }
    done = await run(*CLI, "publish", "ServiceCall", CALL, env=variables)
    assert done.out.startswith("published 1 elk_stats.ServiceCall; 1 peer"), done
    [event] = await node.wait("message", 1)
    assert event["from"] == id_
    other = ("--bootstrap", NOBODY, "--wait-for-peers", "0.1")
    done = await run(*CLI, "publish", "ServiceCall", CALL, *other, env=variables)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].endswith("within 0.1 s; 0 peers are connected")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            (*PUBLISH, "--source", "me"),
            "--source: leave it out: here the source is the node that signs",
        ),
        (("tail", "--url", "libp2p://127.0.0.1"), "url: write libp2p://HOST:PORT"),
        (("tail", *NODE, "--all"), "gossip stores nothing; only new events can be read"),
        (("tail", *NODE, "--bootstrap", "/ip4/127.0.0.1/tcp/1"), "--bootstrap: /ip4/127.0.0.1"),
        (("tail", *NODE, "--announce", "somewhere"), "announce: 'somewhere' is not a multiaddr"),
        (("tail", *NODE, "--swarm-key", "no-such-file"), "--swarm-key: no-such-file: No such file"),
        (
            ("libp2p", "ping", NOBODY, "--url", "nats://127.0.0.1:1"),
            "this command takes only libp2p://",
        ),
        (("libp2p", "ping", NOBODY, "--url", "memory://"), "--url: must be libp2p://HOST:PORT"),
    ],
)
async def test_a_wrong_option_of_a_node_is_told_in_one_line(
    words: tuple[str, ...], says: str
) -> None:
    assert says in await complaint(*words)


async def test_no_error_shows_a_key(tmp_path: Path) -> None:
    await key_at(tmp_path / "key")
    secret = (tmp_path / "key").read_text().strip()
    (tmp_path / "key").write_text(f"{secret}x")
    swarm = tmp_path / "swarm.key"
    swarm.write_text("/key/swarm/psk/1.0.0/\n/base16/\n" + 31 * "c7")
    for wrong in (("--key-file", tmp_path / "key"), ("--swarm-key", swarm)):
        done = await dms("--debug", "tail", *NODE, *wrong)
        assert (done.code, done.out) == (1, "")
        assert "ConfigError" in done.err
        assert secret[10:30] not in done.err
        assert "c7c7" not in done.err


async def test_a_signal_ends_a_command_that_waits_for_peers(node: GoNode) -> None:
    for words, number in (
        (("libp2p", "ping"), SIGINT),
        ((*PUBLISH, "--bootstrap"), SIGTERM),
    ):
        async with silent() as mute:
            address = f"/ip4/{mute.address.replace(':', '/tcp/')}/p2p/{node.peer}"
            async with running(*CLI, *words, address) as command:
                await until(mute.reached, "it dials", by=command)
                command.send(number)
                done = await command.finish(LOADED_S)
        assert done.code == 128 + number
        assert done.err.splitlines()[-1] == f"dms-events: ended by {number.name}"
    async with running(*CLI, "tail", *NODE, "--bootstrap", node.address) as tail:
        await node.wait("joined", 1)
        tail.send(SIGINT)
        done = await tail.finish(LOADED_S)
    assert (done.code, done.out, done.err) == (130, "", "dms-events: ended by SIGINT\n")


async def test_two_commands_in_a_private_network_need_no_broker(tmp_path: Path) -> None:
    id_, place = await key_at(tmp_path / "key"), f"127.0.0.1:{free_port()}"
    (tmp_path / "swarm.key").write_text("/key/swarm/psk/1.0.0/\n/base16/\n" + 32 * "c7")
    (tmp_path / "swarm.key").chmod(0o600)
    network = ("--swarm-key", tmp_path / "swarm.key", "--root", "test")
    here = ("--url", f"libp2p://{place}", "--key-file", tmp_path / "key", *network)
    address = f"/ip4/{place.replace(':', '/tcp/')}/p2p/{id_}"
    async with running(*CLI, "tail", "--json", "--count", 1, *here) as tail:
        published = await dms(*PUBLISH, "--bootstrap", address, *network)
        done = await tail.finish()
    assert published.out == "published 1 elk_stats.ServiceCall; 1 peer subscribes to it\n"
    event = json.loads(done.out)
    assert event["source"].startswith("12D3KooW")
    assert event["source"] != id_
