"""The source of a message is the transport's own word; an envelope's is a claim."""

from __future__ import annotations

import logging

import pytest

from ...bus import Bus
from ...types.elk_stats import ServiceCall
from .base import Contract
from .events import CALL, call, collect
from .harness import TransportHarness
from .promises import BELIEVES, promise

__all__ = ["Sources"]


ODD = ("\x00", "\x1b[31m", "é", "日本", "$JS", "_", "'\"", "{}", "\u202e", "x" * 200, "😀" * 200)


class Sources(Contract):
    """The source of a message is the transport's own word; an envelope's is a claim."""

    @promise()
    async def test_the_transports_source_counts_and_a_differing_claim_is_told(
        self, harness: TransportHarness, bus: Bus, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The source of a message is the one that the transport names, whatever the payload claims.

        To mend it: `Delivery.source` is `OutgoingMessage.source`, or the proved publisher. Never read
        it from the payload.
        """
        caplog.set_level(logging.WARNING, "dms_events")
        nobody = harness.connect()
        async with bus.subscribe(ServiceCall) as messages:
            for claim in ("me", "", "victim"):
                own = harness.source_of("me") if claim == "me" else claim
                await harness.put(nobody.prepare(call(), source=own).data, CALL, source="me")
            # Not as this library writes it, so that it is read by the Go decoder.
            data = b" " + bus.prepare(call(), source="vic\x1b[31mtim").data
            await harness.put(data, CALL, source="me")
            same, without, differing, odd = await collect(messages, 4)
            assert messages.differing_claims == 2
        for message in (same, without, differing, odd):
            assert message.source == message.transport_source == harness.source_of("me")
            assert not message.source_is_claimed
        assert [m.claimed_source for m in (same, without)] == ["", ""]
        assert [m.claimed_source for m in (differing, odd)] == ["victim", "vic\x1b[31mtim"]
        told = [r.getMessage() for r in caplog.records if "claims the source" in r.getMessage()]
        assert len(told) == 1, "one line a second, however many there are"
        assert f"'{harness.source_of('me')}' claims the source 'victim'" in told[0]

    @promise(BELIEVES)
    async def test_without_a_source_of_the_transport_the_claim_is_marked_as_one(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """If the publisher names no source, `Delivery.source` is empty.

        To mend it: return an empty text, and not a placeholder of your broker.
        """
        nobody = harness.connect()
        async with bus.subscribe(ServiceCall) as messages:
            await harness.put(nobody.prepare(call(), source="somebody").data, CALL)
            await harness.put(nobody.prepare(call()).data, CALL, id="two")
            claimed, unknown = await collect(messages, 2)
            assert messages.differing_claims == 0
        assert (claimed.source, claimed.source_is_claimed) == ("somebody", True)
        assert (claimed.transport_source, claimed.claimed_source) == ("", "")
        assert (unknown.source, unknown.source_is_claimed) == ("", False)
        assert claimed.identity == f"_ {claimed.id}"

    @promise(BELIEVES)
    async def test_a_source_of_odd_characters_is_the_source_that_readers_see(
        self, bus: Bus
    ) -> None:
        """Any source that the bus accepts arrives unchanged.

        To mend it: a source may have control characters, quotes or emoji, and 200 characters. Escape
        it if it becomes part of a name, and unescape it when you read.
        """
        async with bus.subscribe(ServiceCall) as messages:
            await bus.publish_many(bus.prepare(call(), source=source) for source in ODD)
            assert [m.source for m in await collect(messages, len(ODD))] == [*ODD]
