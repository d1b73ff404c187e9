"""`sink run` ends within its drain, whatever its sink does; a second signal interrupts it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from signal import SIGTERM

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, running, until
from tests.kit.servers.link import linked
from tests.kit.servers.scripted_elasticsearch import Answer, failure, server
from tests.kit.storing import prepared, tally_in

STUBBORN = """
import asyncio, sys, time
from dms_events.cli import _sink, main
from dms_events.sink import Sink, SinkVerdict, Verdict

def hang():
    time.sleep(600)

async def wait(how):
    if how == "loop":
        hang()
    elif how == "thread":
        await asyncio.shield(asyncio.to_thread(hang))

class Stubborn(Sink):
    async def open(self): ...
    async def count(self): ...
    async def write(self, batch):
        print("writing", file=sys.stderr, flush=True)
        await wait(WRITES)
        print("written", file=sys.stderr, flush=True)
        return [SinkVerdict(Verdict.STORED)] * len(batch)
    async def close(self):
        await wait(CLOSES)

WRITES, CLOSES = sys.argv[1:3]
del sys.argv[1:3]
_sink.sink_for = lambda url: Stubborn()
main()
"""
LOADED_S = 20.0
"""For an end within a drain of 3 s, on a busy machine; a request that hangs takes 30 s."""
LONG_END = (
    sys.executable,
    "-c",
    "from dms_events.cli import _sink, main; _sink.LAST_S = 10.0; main()",
)
"""The command with 10 s of the drain, in place of 2 s, to give messages back on a busy machine."""


async def publish(url: str, count: int) -> None:
    async with dms_events.connect(url) as bus:
        await bus.publish_many(prepared(bus, count))


async def all_given_back(url: str, count: int) -> bool:
    """Whether all can be had at once, well before the ack wait ends."""
    async with (
        dms_events.connect(url) as bus,
        bus.subscribe("elk_stats.*", durable="dms-events-sink") as messages,
    ):
        got = 0
        async with asyncio.timeout(20):
            while got < count:
                got += len(await messages.batch(count, 1.0))
        return True


async def test_it_ends_with_an_error_when_its_sink_takes_nothing_for_as_long_as_it_may(
    nats_server: NatsServer,
) -> None:
    async with server(lambda ids: failure(503, "no_master")) as url:
        await publish(nats_server.url, 20)
        words = ("sink", "run", "--from", nats_server.url, "--to", url, "--give-up", "0.5")
        async with running(*CLI, *words) as command:
            done = await command.finish(LOADED_S)
    assert done.code == 1
    assert "the sink took nothing for " in done.err
    assert "503 no_master" in done.err
    assert await all_given_back(nats_server.url, 20)


async def test_sigterm_ends_it_within_its_drain_while_writes_hang_and_others_wait(
    nats_server: NatsServer,
) -> None:
    begun = 0

    async def never(ids: list[str]) -> Answer:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()
        raise AssertionError

    await publish(nats_server.url, 500)
    async with server(never) as sink:
        words = ("sink", "run", "--from", nats_server.url, "--to", sink, "--drain", "13", "--json")
        async with running(*LONG_END, *words, "--batch", "100") as command:
            await until(lambda: begun == 2, "both writes hang", by=command)
            command.send(SIGTERM)
            done = await command.finish(LOADED_S)
    assert (done.code, begun) == (0, 2), done
    stats = tally_in(done.out)
    assert stats.stored == 0
    assert stats.returned == stats.received > 200, "what waited for a write went back too"
    assert await all_given_back(nats_server.url, 500)


async def test_a_second_signal_interrupts_writes_that_hang(nats_server: NatsServer) -> None:
    begun = asyncio.Event()

    async def never(ids: list[str]) -> Answer:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    await publish(nats_server.url, 10)
    async with server(never) as sink:
        words = ("sink", "run", "--from", nats_server.url, "--to", sink, "--drain", "600")
        async with running(*CLI, *words) as command:
            await until(begun.is_set, "a write hangs", by=command)
            done = await command.finish_by_two_signals(LOADED_S)
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert await all_given_back(nats_server.url, 10)


@pytest.mark.parametrize(
    ("writes", "closes", "returned"),
    [("loop", "well", 0), ("well", "thread", 0), ("thread", "thread", 10)],
)
async def test_what_hangs_beyond_the_drain_is_left_and_shown(
    nats_server: NatsServer, writes: str, closes: str, returned: int
) -> None:
    await publish(nats_server.url, 10)
    words = ("sink", "run", "--from", nats_server.url, "--drain", "3", "--json")
    async with running(sys.executable, "-c", STUBBORN, writes, closes, *words) as command:
        await until(lambda: "writing" in command.err, "it writes", by=command)
        if writes == "well":
            await until(lambda: "written" in command.err, "it has written", by=command)
        command.send(SIGTERM)
        done = await command.finish(LOADED_S)
    assert done.code == 1
    assert "Timeout (0:00:03)!" in done.err
    assert "in hang" in done.err, "the stack shows what it was"
    if writes != "loop":  # what was done is told before
        assert tally_in(done.out).returned == returned


async def test_it_ends_while_its_first_subscribe_hangs(
    nats_server: NatsServer, database: Path
) -> None:
    async with linked(nats_server.url, stalls_at=b"CONSUMER.") as link:
        words = ("sink", "run", "--from", link.url, "--to", f"sqlite:{database}")
        async with running(*CLI, *words) as command:
            await until(lambda: link.stalled, "it waits", by=command)
            command.send(SIGTERM)
            done = await command.finish(LOADED_S)
    assert (done.code, done.out) == (0, "0 stored\n")
    assert "Traceback" not in done.err
