"""The transport of the page "write a transport" passes the suite, and workers work on it."""

from __future__ import annotations

from pathlib import Path

from dms_events import Bus, Worker
from dms_events.types.elk_stats import ServiceCall
from folder_transport import FolderTransport
from test_folder_transport import TestFolder
from tests.contract.places import call, letters
from tests.contract.worker.working import drained

__all__ = ["TestFolder"]


async def test_a_worker_on_a_folder_tries_again_and_its_dead_letter_is_replayed(
    tmp_path: Path,
) -> None:
    worker = Worker("billing")
    seen: list[tuple[float, int]] = []
    broken = True

    @worker.on(ServiceCall, attempts=2, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        seen.append((event.call_id, broken))
        if broken and event.call_id == 2:
            raise ValueError("the price list is broken")

    async with Bus(FolderTransport(f"folder:{tmp_path}")) as bus:
        await bus.publish_many([call(1), call(2)])
        await drained(worker, bus)
        assert sorted(seen) == [(1, True), (2, True), (2, True)]
        [letter] = await letters(bus)
        assert (letter.reason, letter.attempts) == ("the price list is broken", 2)
        broken = False
        await bus.dead_letters.replay(letter)
        await drained(worker, bus)
        assert seen[3:] == [(2, False)]
        assert await letters(bus) == []
