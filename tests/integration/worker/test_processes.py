"""Worker processes that die, share, and are asked to end: no message is lost or half-done."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import msgspec
import nats
import nats.js.errors
import pytest

import dms_events
from dms_events import DeadLetter
from dms_events.types.elk_stats import ServiceCall
from dms_events.worker.attempts import AttemptRecord
from dms_events_nats import NatsServer
from tests.kit.programs.processes import run, running, until
from tests.kit.programs.worker_program import (
    DURABLE,
    Journal,
    all_settled,
    consumer,
    program,
    tally_of,
    unsettled,
)
from tests.kit.soak import sized
from tests.kit.storing import prepared


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


async def publish(url: str, count: int, ack_wait_s: float = 60) -> list[str]:
    """Calls with the numbers from 0 on, and the durable of the programs; returns their identities."""
    async with dms_events.connect(url) as bus:
        async with bus.subscribe(ServiceCall, durable=DURABLE, ack_wait_s=ack_wait_s):
            pass
        published = prepared(bus, count)
        await bus.publish_many(published)
        return [message.id for message in published]


async def letters(url: str) -> list[DeadLetter]:
    async with dms_events.connect(url) as bus:
        return [letter async for letter in bus.dead_letters.find()]


async def spent(url: str) -> int:
    """How many attempts are noted of messages that have no verdict."""
    client = await nats.connect(url)
    try:
        bucket = await client.jetstream().key_value("DMS_NOTES")
        entries = [await bucket.get(key) for key in await bucket.keys()]
    except nats.js.errors.NoKeysError:
        return 0
    finally:
        await client.close()
    return sum(
        msgspec.msgpack.decode(entry.value or b"", type=AttemptRecord).spent for entry in entries
    )


@pytest.mark.slow
async def test_an_event_that_kills_its_process_becomes_the_only_dead_letter(
    nats_server: NatsServer, journal: Journal
) -> None:
    url, total, deadly, attempts = nats_server.url, 501, 250, 2
    ids = await publish(url, total, ack_wait_s=2)
    worker = program(url, journal, deadly=deadly, attempts=attempts)
    deaths, most = 0, 1 + 6 + attempts  # 64 suspects are halved six times
    while True:
        async with running(*worker) as process:
            await until(
                lambda process=process: process.ended or len(journal.ended) == total - 1,  # type: ignore[misc]
                "the worker dies or is done",
            )
            # The deadly one may come again when all its neighbours are handled.
            async with asyncio.timeout(120):
                while not process.ended and await unsettled(url):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            if not process.ended:
                process.send(signal.SIGTERM)
            ended = await process.finish()
        if ended.code == 0:
            break
        assert ended.code == -signal.SIGKILL, ended.err
        deaths += 1
        assert deaths <= most, "it is found out"
    assert attempts < deaths <= most, "the first times it was not alone"
    assert journal.begun[deadly] == deaths
    assert set(journal.ended) == set(range(total)) - {deadly}, "its neighbours are handled"
    [letter] = await letters(url)
    assert letter.id == ids[deadly]
    assert letter.error == "HandlerError"
    assert "did not end the last time" in letter.reason
    assert letter.attempts == attempts
    assert await unsettled(url) == 0
    assert await spent(url) == 0


@pytest.mark.slow
async def test_two_processes_share_a_durable_and_one_inherits_what_the_other_had(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    url, total = nats_server.url, sized(3000, 30_000)
    await publish(url, total, ack_wait_s=3)
    first, second = Journal(tmp_path / "first"), Journal(tmp_path / "second")
    async with (
        running(*program(url, first, pause_s=0.01)) as doomed,
        running(*program(url, second, pause_s=0.01)) as heir,
    ):
        for journal, process in ((first, doomed), (second, heir)):
            await until(lambda j=journal: len(j.ended) > 200, "both work", by=process)  # type: ignore[misc]
        killed = await doomed.kill()
        alone = len(second.ended)
        assert killed.code == -signal.SIGKILL
        assert len(first.ended) + alone < total, "the kill hit it in the middle of its work"
        await all_settled(url, by=heir)
        heir.send(signal.SIGTERM)
        ended = await heir.finish()
    assert ended.code == 0, ended.err
    assert set(first.ended) | set(second.ended) == set(range(total)), "each is handled"
    assert set(second.ended.values()) == {1}, "none twice by the one that lives"
    twice = set(first.ended) & set(second.ended)
    assert len(twice) <= 1000, "only what the dead one had not acknowledged yet"
    tally = tally_of(ended.out)
    assert tally.handled == len(second.ended)
    assert tally.rejected == tally.undecodable == tally.raised == 0, tally
    assert await letters(url) == []


@pytest.mark.slow
@pytest.mark.parametrize("drain_s", [20.0, 0.0])
async def test_sigterm_under_load_leaves_nothing_half_done_and_spends_no_attempt(
    nats_server: NatsServer, journal: Journal, drain_s: float
) -> None:
    url, total, rounds = nats_server.url, sized(3000, 30_000), sized(3, 10)
    await publish(url, total)
    # With one attempt only, any that is spent makes a dead letter.
    options = {"attempts": 1, "drain_s": drain_s}
    for _ in range(rounds):
        before = len(journal.ended)
        async with running(*program(url, journal, pause_s=0.05, **options)) as worker:
            await until(
                lambda: len(journal.ended) >= before + 100,  # noqa: B023
                "some are handled",
                by=worker,
            )
            worker.send(signal.SIGTERM)
            ended = await worker.finish()
        assert ended.code == 0, ended.err
        tally = tally_of(ended.out)
        assert tally.handled == len(journal.ended) - before, tally
        assert tally.raised == tally.rejected == 0, tally
        assert await unsettled(url) == total - len(journal.ended)
        assert await spent(url) == 0, "no attempt is spent"
        if drain_s:
            assert journal.begun == journal.ended, "what was begun is done"

    async with running(*program(url, journal, **options)) as worker:
        await until(lambda: len(journal.ended) == total, "the next has the rest", by=worker)
        await all_settled(url, by=worker)
        worker.send(signal.SIGTERM)
        assert (await worker.finish()).code == 0
    assert set(journal.ended.values()) == {1}, "none is handled twice"
    assert await letters(url) == []


async def test_a_second_signal_ends_a_worker_at_once_and_its_messages_come_again(
    nats_server: NatsServer, journal: Journal
) -> None:
    url, total = nats_server.url, 100
    await publish(url, total)
    async with running(*program(url, journal, attempts=1, pause_s=3600, drain_s=3600)) as worker:
        await until(lambda: len(journal.begun) == 10, "the slots are full", by=worker)
        worker.send(signal.SIGTERM)
        while (await consumer(url)).num_waiting:  # it asks for more until it stops
            assert not worker.ended
            await asyncio.sleep(0.02)
        worker.send(signal.SIGTERM)
        await worker.finish(20)
    assert not journal.ended
    rest = await run(*program(url, journal, attempts=1, drain=1))
    assert rest.code == 0, rest.err
    assert set(journal.ended) == set(range(total))
    assert tally_of(rest.out).handled == total
    assert await letters(url) == []
