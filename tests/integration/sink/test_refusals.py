"""What a sink refuses for good ends as a dead letter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import nats

import dms_events
from dms_events.sink import Document, SinkVerdict, Verdict
from dms_events_nats import NatsServer
from dms_events_sqlite import SqliteSink
from tests.kit.storing import adds_up, forward, ids_in, ids_of, prepared


class PickySink(SqliteSink):
    """Refuses every tenth call for good."""

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        refused = [json.loads(document.body)["CallID"] % 10 == 3 for document in batch]
        kept = [document for document, no in zip(batch, refused, strict=True) if not no]
        judged = iter(await super().write(kept))
        no_more = SinkVerdict(Verdict.REJECTED, "this sink has seen enough of them")
        return [no_more if no else next(judged) for no in refused]


async def test_what_the_sink_refuses_for_good_is_a_dead_letter(
    nats_server: NatsServer, database: Path
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        PickySink(f"sqlite:{database}") as sink,
    ):
        published = prepared(bus, 2000)
        refused = published[3::10]
        await bus.publish_many(published)
        tally = await forward(bus, sink, "picky")
        letters = [letter async for letter in bus.dead_letters.find()]
    assert ids_in(database) == ids_of(m for m in published if m not in refused)
    assert (tally.received, tally.stored, tally.rejected) == (2000, 1800, 200)
    assert adds_up(tally), tally
    assert tally.by_type == {"elk_stats.ServiceCall": {"handled": 1800, "rejected": 200}}
    assert len(letters) == 200
    assert {letter.id: letter.payload for letter in letters} == {m.id: m.data for m in refused}
    assert {(letter.reader, letter.error, letter.reason) for letter in letters} == {
        ("picky", "SinkError", "this sink has seen enough of them")
    }


async def test_each_message_of_a_refused_identity_leaves_a_letter_of_its_own(
    nats_server: NatsServer, database: Path
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        PickySink(f"sqlite:{database}") as sink,
    ):
        [refused] = prepared(bus, 1, first=3)
        stranger = await nats.connect(nats_server.url)
        for _ in range(3):  # without a Nats-Msg-Id the server takes it three times
            await stranger.jetstream().publish("dms.events.elk_stats.ServiceCall._", refused.data)
        await stranger.close()
        tally = await forward(bus, sink)
        letters = [letter async for letter in bus.dead_letters.find()]
    assert (tally.rejected, tally.duplicates) == (3, 0)
    assert tally.received == 3 + tally.returned, "each is judged by itself"
    assert [letter.id for letter in letters] == [refused.id] * 3
    assert len({letter.sequence for letter in letters}) == 3
    assert ids_in(database) == []
