"""``dms-events dead`` shows no secret that nobody asked for."""

from __future__ import annotations

import base64

import dms_events
from dms_events import OutgoingMessage
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.onboarding import BlockchainAddressPrivKey
from dms_events_nats import NatsServer
from tests.kit.letters import old_letter
from tests.kit.programs.command import answer
from tests.kit.storing import call

KEY = BlockchainAddressPrivKey(private_key="SECRET-1", mnemonic="SECRET-2")


async def test_no_secret_is_shown_unless_that_is_asked_for(nats_server: NatsServer) -> None:
    url = ("--url", nats_server.url)
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(bus.prepare(KEY, id="key"))
        async with bus.subscribe(BlockchainAddressPrivKey, durable="wallet") as messages:
            message = await anext(messages)
            error = ValueError("cannot use SECRET-1")
            await bus.dead_letters.add(message.delivery, id="key", error=error, reader="wallet")
        hidden = bus.prepare(KEY, id="hidden").data
        await bus.publish(OutgoingMessage("events", "elk_stats.ServiceCall", "", "hidden", hidden))
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable="calls") as calls:
            assert (await anext(calls)).event == call(1)
        assert [letter.id async for letter in bus.dead_letters.find()] == ["key", "hidden"]
    raw = base64.b64encode(dms_events.encode(KEY)).decode()
    for words in (
        ("list",),
        ("list", "--json"),
        ("show", "key"),
        ("show", "hidden"),
        ("replay", "--all", "--dry-run"),
        ("drop", "--all", "--dry-run"),
    ):
        out = await answer("dead", *words, *url)
        assert "SECRET" not in out
        assert raw not in out
    for id in ("key", "hidden"):
        shown = await answer("dead", "show", id, "--reveal", *url)
        assert raw in shown
        assert "SECRET" not in shown, "not even then, what a handler's error quoted"


async def test_letters_of_an_older_release_hide_their_secrets_too(nats_server: NatsServer) -> None:
    url = ("--url", nats_server.url)
    holder = "onboarding.BlockchainAddressPrivKey"
    reason = "cannot use SECRET-1"
    async with dms_events.connect(nats_server.url) as bus:
        payload = bus.prepare(KEY, id="key").data
        await bus.publish(old_letter(type_name=holder, payload=payload, reason=reason))
    for words in (("list",), ("list", "--json"), ("show", "1")):
        out = await answer("dead", *words, *url)
        assert "SECRET" not in out
        assert "*** (its type holds a secret" in out
    shown = await answer("dead", "show", "1", "--reveal", *url)
    assert reason in shown
