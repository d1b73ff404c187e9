"""`audit`: why an event has no document, or a document no event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import Bus
from dms_events.audit import Reason
from dms_events.dead_letters.replay import reader_token
from dms_events.errors import SinkError
from dms_events.sink import Document, SinkVerdict, Verdict
from dms_events.transport import SupportsDeadLetters, needed
from dms_events.types.elk_stats import ServiceCall, ServiceStatus
from dms_events_nats import NatsServer
from dms_events_sqlite import SqliteSink
from tests.kit.servers.operator import Operator
from tests.kit.storing import call, forward, prepared
from tests.kit.tampering import SqliteStore

from .test_audit import audited


class Refusing(SqliteSink):
    """A SQLite file that refuses some documents, for now or for good, as Elasticsearch may do."""

    def __init__(self, url: str, verdicts: Mapping[str, Verdict]) -> None:
        super().__init__(url)
        self._verdicts = verdicts

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        kept = [each for each in batch if each.id not in self._verdicts]
        judged = iter(await super().write(kept))
        return [
            SinkVerdict(verdict, "it is refused")
            if (verdict := self._verdicts.get(each.id))
            else next(judged)
            for each in batch
        ]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with dms_events.connect(nats_server.url) as bus:
        yield bus


@pytest.fixture
def url(database: Path) -> str:
    return f"sqlite:{database}"


async def stored(
    bus: Bus, url: str, count: int, first: int = 0, durable: str = "sink"
) -> list[str]:
    """Publish and forward so many calls; returns their ids in order."""
    messages = prepared(bus, count, first)
    await bus.publish_many(messages)
    async with dms_events.sink_for(url) as sink:
        assert (await forward(bus, sink, durable)).stored == count
    return [message.id for message in messages]


async def forwarded_until_refused(bus: Bus, sink: Refusing) -> None:
    """Forward until one document was refused for good, and one for now."""
    async with sink:
        forwarder = dms_events.Forwarder(bus, sink, durable="sink")
        running = asyncio.create_task(forwarder.run())
        async with asyncio.timeout(30):
            while not (forwarder.stats.rejected and forwarder.stats.again):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        forwarder.stop()
        await running


def is_there(path: Path) -> bool:
    return path.exists()


def delete(database: Path, id: str) -> None:
    SqliteStore(database).delete({id})


async def test_events_that_were_not_delivered_yet_wait_and_are_no_fault(bus: Bus, url: str) -> None:
    await stored(bus, url, 5)
    await bus.publish_many(prepared(bus, 3, first=5))
    summary, findings = await audited(bus, url)
    assert (summary.faults, findings) == (0, [])
    assert summary.reasons == {Reason.WAITING: 3}
    [month] = summary.months.values()
    assert (month.stream, month.sink, month.missing) == (8, 5, 3)


async def test_an_event_in_a_retry_is_no_fault_and_a_dead_letter_is_one_with_its_reason(
    bus: Bus, url: str
) -> None:
    messages = prepared(bus, 4)
    refused, later = messages[1].id, messages[2].id
    await bus.publish_many(messages)
    verdicts = {refused: Verdict.REJECTED, later: Verdict.RETRY}
    await forwarded_until_refused(bus, Refusing(url, verdicts))
    summary, findings = await audited(bus, url)
    assert summary.reasons == {Reason.DEAD_LETTER: 1, Reason.UNSETTLED: 1}
    [finding] = findings
    assert (finding.id, finding.sequence, finding.reason) == (refused, 2, Reason.DEAD_LETTER)
    assert "it is refused" in finding.detail
    assert summary.faults == 1


async def test_a_type_that_the_durable_does_not_read_is_told_from_a_lost_event(
    bus: Bus, url: str, database: Path
) -> None:
    await bus.publish(
        ServiceStatus(
            call_id=1.0,
            peer_id_of_service_host="host",
            service_id="s",
            status="running",
            timestamp=1.0,
        )
    )
    messages = prepared(bus, 2)
    await bus.publish_many(messages)
    async with dms_events.sink_for(url) as sink:
        forwarder = dms_events.Forwarder(bus, sink, durable="sink", wanted=[ServiceCall])
        forwarder.drain()
        await forwarder.run()
    delete(database, messages[0].id)
    summary, findings = await audited(bus, url)
    assert {finding.sequence: finding.reason for finding in findings} == {
        1: Reason.OTHER_TYPES,
        2: Reason.ACKNOWLEDGED,
    }
    assert summary.faults == 2


async def test_messages_that_are_no_events_are_counted_and_expected_in_no_store(
    bus: Bus, url: str, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    await stored(bus, url, 3)
    for _ in range(50):
        await operator.client.publish("dms.events.elk_stats.ServiceCall._", b"noise")
    await operator.client.flush()
    await bus.publish_many(prepared(bus, 1, first=3))
    caplog.clear()
    summary, findings = await audited(bus, url)
    assert (summary.unreadable, summary.faults, findings) == (50, 0, [])
    assert summary.reasons == {Reason.WAITING: 1}
    assert len(caplog.records) < 25


async def test_a_durable_that_is_not_there_is_said(bus: Bus, url: str, database: Path) -> None:
    [id, *_] = await stored(bus, url, 3, durable="another")
    delete(database, id)
    summary, [finding] = await audited(bus, url)
    assert (finding.id, finding.reason, summary.faults) == (id, Reason.NO_DURABLE, 1)


async def test_a_replay_for_another_reader_is_expected_in_no_store_and_makes_none_surplus(
    bus: Bus, url: str
) -> None:
    await stored(bus, url, 1)
    gone, unstored = prepared(bus, 2, first=1)
    await bus.publish_many([gone])
    async with dms_events.sink_for(url) as sink:
        await forward(bus, sink)
    await needed(bus.transport, SupportsDeadLetters).delete("events", 2)
    # The identity of an event is in its envelope; a replay has a message id of its own.
    replays = [
        msgspec.structs.replace(message, id=f"replay:{reader_token('another')}:{number}")
        for number, message in enumerate((gone, unstored))
    ]
    await bus.publish_many(replays)
    summary, findings = await audited(bus, url)
    assert (summary.for_others, summary.faults, findings) == (2, 0, [])


async def test_documents_older_than_the_stream_are_counted_and_no_fault(
    bus: Bus, url: str, operator: Operator
) -> None:
    await stored(bus, url, 10)
    await operator.api("STREAM.PURGE.DMS_EVENTS", {"keep": 3})
    summary, findings = await audited(bus, url)
    assert (summary.faults, findings, summary.reasons) == (0, [], {Reason.OLDER: 7})
    await operator.api("STREAM.PURGE.DMS_EVENTS")
    summary, findings = await audited(bus, url)
    assert (summary.faults, findings, summary.reasons) == (0, [], {Reason.OLDER: 10})


async def test_a_document_whose_message_was_deleted_is_surplus(bus: Bus, url: str) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    await bus.publish_many([bus.prepare(call(n), time=soon) for n in range(3)])
    async with dms_events.sink_for(url) as sink:
        await forward(bus, sink)
    await needed(bus.transport, SupportsDeadLetters).delete("events", 2)
    summary, [finding] = await audited(bus, url)
    assert (finding.kind, finding.reason) == ("surplus", Reason.NOT_IN_STREAM)
    assert summary.reasons == {Reason.NOT_IN_STREAM: 1}


async def test_an_audit_moves_no_durable_and_leaves_no_consumer(
    bus: Bus, url: str, operator: Operator
) -> None:
    await stored(bus, url, 5)
    await bus.publish_many(prepared(bus, 3, first=5))
    before = await operator.api("CONSUMER.LIST.DMS_EVENTS")
    await audited(bus, url, deep=True)
    after = await operator.api("CONSUMER.LIST.DMS_EVENTS")
    assert [each["name"] for each in after["consumers"]] == ["sink"]
    for key in ("delivered", "ack_floor", "num_pending", "num_ack_pending"):
        assert _plain(after["consumers"][0][key]) == _plain(before["consumers"][0][key])


async def test_the_same_event_twice_in_the_stream_is_stored_once_and_no_fault(
    bus: Bus, url: str
) -> None:
    messages = prepared(bus, 3)
    await bus.publish_many(messages)
    # A replay to all has another message id, and is stored a second time.
    again = msgspec.structs.replace(messages[1], id="replay:x")
    await bus.publish_many([again])
    async with dms_events.sink_for(url) as sink:
        await forward(bus, sink)
    summary, findings = await audited(bus, url, deep=True)
    assert (summary.messages, summary.faults, findings) == (4, 0, [])
    [month] = summary.months.values()
    assert (month.stream, month.sink) == (3, 3)


async def test_a_store_that_is_not_there_is_an_error_and_is_not_made(
    bus: Bus, url: str, database: Path
) -> None:
    with pytest.raises(SinkError, match=r"events\.db: cannot be read"):
        await audited(bus, url)
    assert not is_there(database)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: each for key, each in value.items() if key != "last_active"}
    return value
