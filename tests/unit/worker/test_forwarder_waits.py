"""A forwarder whose sink takes nothing: what it says, when it asks, and what it writes again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import count

import pytest

import dms_events
from dms_events import Bus, Forwarder, SinkBrokenError
from dms_events.sink import (
    STORED,
    Document,
    Remark,
    SinkUnavailableError,
    SinkVerdict,
    Verdict,
)
from dms_events.worker import document_writer, sink_waits, sink_writer
from dms_events.worker.policy import RetryPolicy

from .forwarding import drained, forwarding, removals, until
from .scripted_sink import ScriptedSink

SOON = RetryPolicy(backoff_s=0.01, backoff_max_s=0.02)
NEVER = RetryPolicy(backoff_s=1e6, backoff_max_s=1e6)


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with dms_events.connect("memory://") as bus:
        await bus.publish_many(removals(bus, 10))
        yield bus


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_writer, "_UNAVAILABLE", SOON)
    monkeypatch.setattr(document_writer, "_ASK_S", 0.02)
    monkeypatch.setattr(sink_waits, "_CHANGE_S", 0.0)


class Failing(ScriptedSink):
    """Raises these errors, one in each write, and then takes what comes."""

    def __init__(self, errors: Iterator[SinkUnavailableError]) -> None:
        super().__init__()
        self._errors = errors
        self.there = True

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        error = next(self._errors, None)
        if error is None:
            return await super().write(batch)
        self.asked += 1
        raise error

    async def answers(self) -> bool:
        return self.there


def failing(*reasons: str) -> Failing:
    return Failing(iter([SinkUnavailableError(reason) for reason in reasons]))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records]
    return [line for line in said if "documents wait" in line or "again, after" in line]


async def test_a_wait_says_why_each_time_that_the_reason_changes(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    sink = failing(
        "503 a", "503 a", "403 b [x] 17 T@6f", "403 b [y] 18 T@70", "503 a", "413 c", "413 c"
    )
    assert (await drained(Forwarder(bus, sink, linger_s=0.01))).stored == 10
    said = lines(caplog)
    assert [line.rpartition(": ")[2] for line in said[:-1]] == [
        "503 a",
        "403 b [x] 17 T@6f",
        "503 a",
        "413 c",
    ]
    assert said[0].startswith("10 documents wait for the sink, since ")
    assert "tried 6 times" in said[3]
    assert said[-1].startswith("the sink takes documents again, after ")


async def test_a_wait_says_why_again_and_again_while_it_lasts(
    bus: Bus, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    monkeypatch.setattr(sink_waits, "_EVERY_S", 0.05)
    sink = Failing(iter([SinkUnavailableError("503 a")]))
    sink.there = False
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    async with forwarding(forwarder):
        await until(lambda: len(lines(caplog)) > 3)
    assert sink.asked == 1, "it is not written to while it does not answer"
    assert len({line.partition(" (")[0] for line in lines(caplog)}) == 1, "since the same time"


async def test_documents_for_later_say_why_for_each_reason(
    bus: Bus, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    monkeypatch.setattr(sink_writer, "_LATER", SOON)

    class Blocked(ScriptedSink):
        async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
            self.asked += len(batch)
            if self.asked > 60:
                return await super().write(batch)
            reasons = ["blocked", "no pipeline"]
            return [SinkVerdict(Verdict.RETRY, reasons[int(d.id[-1]) % 2]) for d in batch]

    stats = await drained(Forwarder(bus, Blocked(), linger_s=0.01))
    assert (stats.stored, stats.again >= 50) == (10, True)
    said = [r.getMessage() for r in caplog.records if "written later" in r.getMessage()]
    assert len(said) == 2
    assert {line.rpartition(": ")[2] for line in said} == {"blocked", "no pipeline"}
    assert said[0].startswith("5 documents are written later (5 times since ")


async def test_a_sink_that_was_away_is_written_to_as_soon_as_it_answers(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_writer, "_UNAVAILABLE", NEVER)
    sink = failing("connection refused")
    sink.there = False
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    async with forwarding(forwarder):
        await until(lambda: forwarder.stats.unavailable == 1)
        sink.there = True
        await until(lambda: forwarder.stats.stored == 10)
    assert forwarder.stats.unavailable == 1


async def test_a_sink_without_room_is_asked_again_soon(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_writer, "_UNAVAILABLE", NEVER)
    monkeypatch.setattr(document_writer, "_OVERLOADED", SOON)
    errors = [SinkUnavailableError("429", overloaded=True) for _ in range(5)]
    stats = await drained(Forwarder(bus, Failing(iter(errors)), linger_s=0.01))
    assert (stats.stored, stats.unavailable, stats.again) == (10, 5, 0)


async def test_only_documents_without_a_verdict_are_written_again(bus: Bus) -> None:
    class Busy(ScriptedSink):
        """Has room for every second document."""

        async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
            await super().write(batch[::2])
            if len(batch) > 1:
                verdicts = [None if n % 2 else STORED for n in range(len(batch))]
                raise SinkUnavailableError("429", verdicts, overloaded=True)
            return [STORED]

    sink = Busy()
    stats = await drained(Forwarder(bus, sink, linger_s=0.01))
    assert (stats.stored, stats.duplicates, stats.again) == (10, 0, 0)
    assert sink.batches == [5, 3, 1, 1]


async def test_a_sink_that_takes_nothing_for_too_long_ends_the_forwarder(bus: Bus) -> None:
    sink = Failing(SinkUnavailableError(f"503 {number}") for number in count())
    forwarder = Forwarder(bus, sink, linger_s=0.01, give_up_s=0.2)
    with pytest.raises(SinkBrokenError, match=r"the sink took nothing for \d+ s: 503 \d+"):
        await asyncio.wait_for(forwarder.run(), 20)
    assert forwarder.stats.returned == 10


async def test_remarks_of_a_sink_are_counted_and_logged(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    remarks = [
        SinkVerdict(Verdict.DUPLICATE, remark=Remark.UNSURE),
        SinkVerdict(Verdict.DUPLICATE),
        SinkVerdict(Verdict.REJECTED, "mapping", Remark.FAILURE_STORE),
        SinkVerdict(Verdict.REJECTED, "noop", Remark.LEFT_OUT),
        SinkVerdict(Verdict.STORED, remark=Remark.RENAMED),
    ]

    class Remarking(ScriptedSink):
        async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
            return [*remarks, *[STORED] * (len(batch) - len(remarks))]

    stats = await drained(Forwarder(bus, Remarking(), linger_s=0.01))
    assert (stats.received, stats.stored, stats.duplicates, stats.unsure) == (10, 6, 1, 1)
    assert (stats.rejected, stats.failure_store, stats.left_out, stats.renamed) == (2, 1, 1, 1)
    assert stats.by_type == {
        "elk_stats.ServiceRemove": {"handled": 6, "duplicates": 1, "unsure": 1, "rejected": 2}
    }
    for words in ("perhaps by a write", "failure store", "left out", "got other ids"):
        assert words in caplog.text
