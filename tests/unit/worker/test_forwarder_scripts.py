"""Whatever a sink says, and whenever: every event ends in one place, after its verdict."""

from __future__ import annotations

import asyncio
from random import Random
from unittest import mock

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dms_events
from dms_events import Bus, Forwarder, OutgoingMessage
from dms_events.sink import Verdict
from dms_events.types.elk_stats import ServiceRemove
from dms_events.worker import document_writer, ordering, run, sink_writer
from dms_events.worker.policy import RetryPolicy

from .scripted_sink import Lines, ScriptedSink

DURABLE = "sink"
SOON = RetryPolicy(backoff_s=0.001, backoff_max_s=0.002)


class Event(msgspec.Struct, frozen=True):
    """One event of a script: what becomes of it, and how often the same identity is published."""

    lines: Lines
    times: int = 1


class Script(msgspec.Struct, frozen=True):
    """A run of a forwarder."""

    events: list[Event]
    noise: list[bytes]
    broken_calls: frozenset[int]
    stores_half: bool
    batch: int
    writes: int
    memory: int
    random: Random


lines = st.builds(
    Lines,
    st.sampled_from([Verdict.STORED, Verdict.STORED, Verdict.DUPLICATE, Verdict.REJECTED]),
    st.integers(0, 3),
)
scripts = st.builds(
    Script,
    events=st.lists(st.builds(Event, lines, st.sampled_from([1, 1, 1, 2, 3])), max_size=25),
    noise=st.lists(st.binary(max_size=20), max_size=4),
    broken_calls=st.frozensets(st.integers(0, 8), max_size=5),
    stores_half=st.booleans(),
    batch=st.integers(1, 10),
    writes=st.integers(1, 3),
    memory=st.sampled_from([1, 100_000]),
    random=st.randoms(use_true_random=False),
)


def of_an_event(bus: Bus, number: int, event: Event) -> list[OutgoingMessage]:
    """The event's messages: one identity, each published on its own."""
    first = bus.prepare(ServiceRemove(service_id=f"s{number}", timestamp=1.0), id=f"id-{number}")
    return [msgspec.structs.replace(first, id=f"{first.id}/{n}") for n in range(event.times)]


def of_noise(number: int, noise: bytes) -> OutgoingMessage:
    return OutgoingMessage("events", "elk_stats.ServiceRemove", "", f"noise-{number}", noise)


async def play(script: Script) -> None:
    async with dms_events.connect("memory://") as bus:
        messages = [
            message
            for number, event in enumerate(script.events)
            for message in of_an_event(bus, number, event)
        ] + [of_noise(number, noise) for number, noise in enumerate(script.noise)]
        script.random.shuffle(messages)
        await bus.publish_many(messages)
        async with bus.subscribe("elk_stats.*", durable=DURABLE) as watched:
            sink: ScriptedSink

            async def nothing_is_settled_without_a_verdict() -> None:
                settled = len(messages) - await watched.backlog()
                judged = sum(script.events[int(id[3:])].times for id in sink.final)
                assert settled <= judged + len(script.noise)

            sink = ScriptedSink(
                {f"id-{n}": event.lines for n, event in enumerate(script.events)},
                broken_calls=script.broken_calls,
                stores_half=script.stores_half,
                before=nothing_is_settled_without_a_verdict,
            )
            running = Forwarder(
                bus,
                sink,
                durable=DURABLE,
                batch=script.batch,
                linger_s=0.001,
                writes=script.writes,
                memory=script.memory,
            )
            running.drain()
            tally = await asyncio.wait_for(running.run(), 20)
            assert await watched.backlog() == 0
        letters = [letter async for letter in bus.dead_letters.find()]

    by_verdict: dict[Verdict, set[str]] = {verdict: set() for verdict in Verdict}
    for number, event in enumerate(script.events):
        by_verdict[event.lines.verdict].add(f"id-{number}")
    assert set(sink.documents) == by_verdict[Verdict.STORED]
    assert set(sink.final) == {f"id-{n}" for n in range(len(script.events))}
    rejected = [letter for letter in letters if letter.error == "SinkError"]
    assert {letter.reason for letter in rejected} <= {"the mapping refuses it"}
    refused = [m for m in messages if m.id.partition("/")[0] in by_verdict[Verdict.REJECTED]]
    assert sorted(letter.payload for letter in rejected) == sorted(m.data for m in refused)
    assert sorted(letter.id for letter in rejected) == sorted(m.id[:-2] for m in refused)
    unread = sorted(letter.payload for letter in letters if letter.error != "SinkError")
    assert unread == sorted(script.noise)
    assert tally.received == len(messages) + tally.returned, "what is given back comes again"
    assert tally.redelivered <= tally.returned, (
        "a copy that was given back may come after its verdict"
    )
    assert tally.undecodable == len(script.noise)
    assert max(sink.batches, default=0) <= script.batch
    assert sink.most_busy <= script.writes
    counted = sum(sum(counter.values()) for counter in tally.by_type.values())
    assert counted == tally.stored + tally.duplicates + tally.rejected + tally.again
    if script.memory > 1:
        # A rejection is of the message: another one of the same identity is judged on its own.
        assert set(sink.asked_again) <= by_verdict[Verdict.REJECTED]
        assert tally.rejected == sum(
            event.times for event in script.events if event.lines.verdict is Verdict.REJECTED
        )
        if not (script.stores_half and script.broken_calls):
            assert tally.stored == len(by_verdict[Verdict.STORED])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(scripts)
def test_every_event_ends_in_exactly_one_place_whatever_the_sink_says(script: Script) -> None:
    with (
        mock.patch.object(sink_writer, "_LATER", SOON),
        mock.patch.object(document_writer, "_UNAVAILABLE", SOON),
        mock.patch.object(ordering, "_LINGER_AGAIN_S", 0.001),
        mock.patch.object(run, "_POLL_S", 0.001),
    ):
        asyncio.run(play(script))
