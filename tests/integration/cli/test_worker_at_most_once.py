"""``dms-events worker`` runs a worker without a durable, and says that nothing is stored for it."""

from __future__ import annotations

import signal
from pathlib import Path

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, run, running, until
from tests.kit.storing import call

CODE = """
import asyncio
import dms_events
from dms_events.types.elk_stats import ServiceCall

worker = dms_events.Worker(concurrency=1)

@worker.on(ServiceCall, attempts=1)
async def bill(event):
    with open("handled", "a") as file:
        print(int(event.call_id), file=file)
    await asyncio.sleep(0.05)
    if event.call_id == 3:
        raise ValueError("no price")
"""


async def test_what_has_arrived_is_handled_after_the_signal_and_the_figures_are_told(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    (tmp_path / "billing.py").write_text(CODE)
    command = (*CLI, "worker", "billing:worker", "--url", nats_server.url)
    handled = tmp_path / "handled"
    async with (
        dms_events.connect(nats_server.url) as bus,
        running(*command, cwd=tmp_path) as program,
    ):
        await until(
            lambda: "at most once: nothing is stored" in program.err, "it begins", by=program
        )
        await bus.publish_many([call(number) for number in range(10)])
        await until(handled.exists, "they arrive", by=program)
        program.send(signal.SIGTERM)
        ended = await program.finish()
        assert [letter async for letter in bus.dead_letters.find()] == []
    lines = ended.err.splitlines()
    assert ended.code == 0
    assert lines[0] == "billing:worker, at most once: elk_stats.ServiceCall → bill"
    assert "ValueError: no price" in lines
    assert lines[-1] == "9 handled · 1 rejected · 1 raised"
    assert [int(number) for number in handled.read_text().split()] == list(range(10))


async def test_a_durable_that_must_exist_is_refused_without_one(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    (tmp_path / "billing.py").write_text(CODE)
    command = (*CLI, "worker", "billing:worker", "--url", nats_server.url, "--must-exist")
    done = await run(*command, cwd=tmp_path)
    assert done.code == 1
    assert "--must-exist: it takes a durable" in done.err
