"""What the account of a worker has to be allowed, as docs/workers.md lists it."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path

import pytest

import dms_events
from dms_events import Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import EventsSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.paths import HOME
from tests.kit.storing import call

PAGE = HOME / "docs" / "workers.md"
[LISTED] = re.findall(r"```text\n(dms\.dead.*?)```", PAGE.read_text(), re.DOTALL)
SUBJECTS = [line.partition(" ")[0] for line in LISTED.splitlines()]


def parts(subject: str) -> list[str]:
    """The same for each consumer of a durable that is read by partitions."""
    if "CONSUMER" not in subject and "ACK" not in subject:
        return [subject]
    names = ("billing", "billing-0", "billing-1", "billing-rest")
    return [subject.replace("billing", name) for name in names]


def config(subjects: list[str]) -> str:
    allowed = ", ".join(f'"{subject}"' for subject in subjects)
    return f"""
authorization {{
  users: [
    {{user: all, password: all}}
    {{user: worker, password: worker,
      permissions: {{publish: [{allowed}], subscribe: ["_INBOX.>"]}}}}
  ]
}}
"""


def as_user(server: NatsServer, name: str) -> str:
    return server.url.replace("nats://", f"nats://{name}:{name}@")


async def works(server: NatsServer, *, partitioned: bool) -> None:
    """Handles, tries again, looks up what was delivered before, and buries."""
    tried: list[float] = []
    worker = Worker("billing", partitioned=partitioned)

    @worker.on(ServiceCall, attempts=2, backoff_s=0.01)
    async def handle(event: ServiceCall) -> None:
        tried.append(event.call_id)
        if event.call_id == 2 or tried.count(event.call_id) < 2:
            raise ValueError("not now")

    async with dms_events.connect(as_user(server, "all")) as bus:
        await bus.publish_many([call(1), call(2)])
        worker.drain()
        async with asyncio.timeout(60):
            tally = await worker.run(as_user(server, "worker"))
        assert [letter.attempts async for letter in bus.dead_letters.find()] == [2]
    assert sorted(tried) == [1.0, 1.0, 2.0, 2.0]
    assert (tally.handled, tally.rejected, tally.returned) == (1, 1, 2)


@pytest.mark.parametrize("partitioned", [False, True])
async def test_the_permissions_of_the_guide_are_enough_for_a_worker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, partitioned: bool
) -> None:
    subjects = [name for s in SUBJECTS for name in (parts(s) if partitioned else [s])]
    caplog.set_level(logging.DEBUG, "dms_events")
    async with NatsServer(tmp_path / "nats", config=config(subjects)) as server:
        setup = NatsSetup(events=EventsSetup(partitions=2 if partitioned else 0))
        await apply_setup(as_user(server, "all"), setup)
        await works(server, partitioned=partitioned)
    assert "permissions violation" not in caplog.text.lower()
