"""The commands of `compose.yaml` and of the README, run against servers at other addresses."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping
from signal import SIGTERM

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.compose import Json, project
from tests.kit.kibana.server import scripted_kibana
from tests.kit.libp2p.go_peers import free_port
from tests.kit.paths import HOME
from tests.kit.programs.processes import CLI, Finished, run, running
from tests.kit.servers.elasticsearch import call, counted
from tests.kit.storing import prepared

pytestmark = pytest.mark.slow


@pytest.fixture
def services() -> dict[str, Json]:
    found: dict[str, Json] = project("compose.yaml")["services"]
    return found


def at_other_addresses(words: list[str], places: Mapping[str, str]) -> list[str]:
    """The words of a command with the addresses of the servers here."""
    for there, here in places.items():
        words = [word.replace(there, here) for word in words]
    assert not re.search(r"(nats|elasticsearch|kibana):\d", " ".join(words))
    return words


async def healthy(sink: Json, port: int) -> Finished:
    kind, python, *words = sink["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")
    return await run(sys.executable, *at_other_addresses(words, {"9464": str(port)}))


async def test_the_services_set_up_install_and_store(
    services: dict[str, Json], nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    port = free_port()
    async with scripted_kibana() as kibana, dms_events.connect(nats_server.url) as bus:
        places = {
            "http://elasticsearch:9200": empty_elasticsearch_url,
            "http://kibana:5601": kibana.url,
            "nats://nats:4222": nats_server.url,
            "0.0.0.0:9464": f"127.0.0.1:{port}",
        }
        for name in ("setup", "dashboards"):
            done = await run(*CLI, *at_other_addresses(services[name]["command"], places))
            assert done.code == 0, done
        assert ("dashboard", "dms-overview") in kibana.objects

        sink = services["sink"]
        assert "Connection refused" in (await healthy(sink, port)).err
        async with running(*CLI, *at_other_addresses(sink["command"], places)) as program:
            async with asyncio.timeout(30):
                while (await healthy(sink, port)).code:
                    assert not program.ended, program.err
            await bus.publish_many(prepared(bus, 20))
            async with asyncio.timeout(30):
                while counted(empty_elasticsearch_url) != 20:  # noqa: ASYNC110 - only the server knows
                    await asyncio.sleep(0.1)
            await nats_server.kill()
            async with asyncio.timeout(30):
                while not (said := await healthy(sink, port)).code:
                    pass
            assert "the broker does not answer" in said.err
            await nats_server.start()
            program.send(SIGTERM)
            grace_s = float(sink["stop_grace_period"].removesuffix("s"))
            assert (await program.finish(within_s=grace_s)).code == 0

    [index] = call(f"{empty_elasticsearch_url}/dms-elk_stats.service_call-*").values()
    assert index["settings"]["index"]["number_of_replicas"] == "0"
    assert index["settings"]["index"]["lifecycle"]["name"] == "dms-retention"
    policy = call(f"{empty_elasticsearch_url}/_ilm/policy/dms-retention")["dms-retention"]
    assert policy["policy"]["phases"]["delete"]["min_age"] == "365d"


async def test_the_commands_of_the_readme_set_up_install_and_store(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    [block] = [
        block
        for block in re.findall(
            r"```console\n(.*?)```", (HOME / "README.md").read_text(), re.DOTALL
        )
        if "kibana install" in block
    ]
    commands = [line.removeprefix("$ dms-events ").split() for line in block.splitlines()]
    commands[-1].append("--once")
    async with scripted_kibana() as kibana, dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(prepared(bus, 20))
        places = {
            "http://elasticsearch:9200": empty_elasticsearch_url,
            "http://kibana:5601": kibana.url,
            "nats://nats:4222": nats_server.url,
        }
        for words in commands:
            done = await run(*CLI, *at_other_addresses(words, places))
            assert done.code == 0, done
        assert ("dashboard", "dms-overview") in kibana.objects
    assert counted(empty_elasticsearch_url) == 20
