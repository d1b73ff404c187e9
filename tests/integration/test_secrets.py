"""A secret shows nowhere that a person or a log looks, on real servers and in the commands."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import dms_events
from dms_events import ConfigError, Envelope, SinkError, registry
from dms_events.envelope import encode_envelope
from dms_events.types.network_config import NetworkConfig, NetworkType
from dms_events_nats import NatsServer
from tests.kit.documents.secrets import CORE, HOLDERS, document_of, filled, found_in, said_by
from tests.kit.programs.command import answer, dms
from tests.kit.storing import call

GUARDED = "authorization {{ user: dms, password: {} }}"
NOBODY = "127.0.0.1:9"
DOCUMENTS = {name: document_of(registry.get(name)) for name in HOLDERS}


def silent(error: BaseException, log: pytest.LogCaptureFixture) -> None:
    for text in (*said_by(error), log.text, *(str(record.__dict__) for record in log.records)):
        assert not found_in(text), text


@pytest.mark.parametrize("durable", [True, False])
async def test_a_wrong_password_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, durable: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    async with NatsServer(tmp_path / "nats", config=GUARDED.format("right")) as server:
        address = server.url.removeprefix("nats://")
        config = NetworkConfig(type=NetworkType.NATS, nats_url=f"dms:{CORE}@{address}")
        for where in (config, f"nats://{CORE}@{address}", f"nats://x:1,nats://u:{CORE}@{address}"):
            with pytest.raises(ConfigError, match=address) as caught:
                await dms_events.connect(where, durable=durable, connect_timeout_s=1).open()
            silent(caught.value, caplog)


async def test_a_right_password_is_not_shown_when_the_server_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with NatsServer(tmp_path / "nats", config=GUARDED.format(CORE)) as server:
        url = f"nats://dms:{CORE}@{server.url.removeprefix('nats://')}"
        async with dms_events.connect(url, publish_timeout_s=0.5) as bus:
            await bus.publish(call(1))
            await server.kill()
            with pytest.raises(dms_events.PublishError) as caught:
                await bus.publish(filled(registry.get("onboarding.LogBinAuth")))
            silent(caught.value, caplog)
            assert not found_in(repr(caught.value.unacknowledged))
            await server.start()
    assert "lost the connection" in caplog.text
    assert not found_in(caplog.text)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_password_of_an_elasticsearch_that_is_not_there_is_not_shown(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SinkError) as caught:
        await dms_events.sink_for(f"{scheme}://elastic:{CORE}@{NOBODY}").open()
    silent(caught.value, caplog)


async def test_the_commands_show_payloads_with_secrets_only_when_told(
    nats_server: NatsServer,
) -> None:
    url = ("--url", nats_server.url)
    async with dms_events.connect(nats_server.url, source="peer") as bus:
        for name in HOLDERS:
            await bus.publish(filled(registry.get(name)))
        # Of each a message on another type's subject too, which is a dead letter.
        for number, (name, document) in enumerate(DOCUMENTS.items()):
            data = encode_envelope(Envelope(type=name, data=document, id=f"id-{number}"), "msgpack")
            message = dms_events.OutgoingMessage(
                "events", "elk_stats.ServiceCall", "", str(number), data
            )
            await bus.publish(message)
        async with bus.subscribe("*", durable="reader") as messages:
            read = await messages.batch(2 * len(HOLDERS), 1)
            assert [message.type_name for message in read] == HOLDERS
            assert messages.undecodable == len(HOLDERS)
    for words in (
        ("tail", "--all", "--count", len(HOLDERS)),
        ("tail", "--all", "--json", "--count", len(HOLDERS)),
        ("dead", "list"),
        *(("dead", "show", f"id-{number}") for number in (0, len(HOLDERS) - 1)),
    ):
        out = await answer(*words, *url)
        assert len(out.splitlines()) > 1
        assert not found_in(out)
        assert ("--reveal shows it" in out) == (words[1] != "list")
    for words in (("tail", "--all", "--count", len(HOLDERS)), ("dead", "show", "id-0")):
        assert found_in(await answer(*words, *url, "--reveal"))


async def test_a_command_that_fails_shows_no_secret_also_with_its_traceback(
    database: Path,
) -> None:
    for words in (
        ("tail", "--url", f"nats://u:{CORE}@{NOBODY}"),
        ("tail", "--url", f"natss://u:{CORE}@{NOBODY}"),
        ("sink", "run", "--from", f"nats://u:{CORE}@h:x", "--to", f"sqlite:{database}"),
        ("sink", "run", "--from", "memory://", "--to", f"http://u:{CORE}@{NOBODY}"),
        ("publish", HOLDERS[0], DOCUMENTS[HOLDERS[0]].decode() + "x", "--url", "memory://"),
    ):
        done = await dms("--debug", *words)
        assert done.code == 1
        assert "Traceback" in done.err
        assert not found_in(done.err + done.out), done
