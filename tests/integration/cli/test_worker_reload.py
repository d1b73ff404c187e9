"""``dms-events worker --reload``: what is saved is what handles the next event."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, Running, run, running, until
from tests.kit.storing import call

CODE = """
import asyncio, logging, os
from pathlib import Path
import dms_events
from dms_events.types.elk_stats import ServiceCall

logging.getLogger("dms_events").addHandler(logging.FileHandler("log"))
worker = dms_events.Worker("billing")
print("VERSION", file=open("handled", "a"))
print(os.getpid(), file=open("started", "a"))

@worker.on(ServiceCall)
async def bill(event):
    print(f"begun {int(event.call_id)}", file=open("handled", "a"))
    while Path("wait").exists():
        await asyncio.sleep(0.01)
    print(f"VERSION {int(event.call_id)}", file=open("handled", "a"))
"""


class Project:
    """A folder with a worker in ``billing.py``, whose handler notes its version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, version: str, name: str = "billing.py") -> None:
        (self.folder / name).write_text(CODE.replace("VERSION", version))

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def has(self, *lines: str) -> bool:
        return set(lines) <= set(self.lines("handled"))

    def told_to_stop(self) -> bool:
        return any("stopping" in line for line in self.lines("log"))

    async def starts(self, count: int, by: Running) -> None:
        await until(lambda: len(self.lines("started")) == count, f"start {count}", by=by)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@asynccontextmanager
async def reloading(project: Project, server: NatsServer, *options: str) -> AsyncIterator[Running]:
    words = ("worker", "billing:worker", "--url", server.url, "--reload", *options)
    async with running(*CLI, *words, cwd=project.folder) as worker:
        yield worker


async def publish(server: NatsServer, number: int) -> None:
    async with dms_events.connect(server.url) as bus:
        await bus.publish(call(number))


def alive(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_changed_handler_handles_the_next_event(
    nats_server: NatsServer, project: Project
) -> None:
    project.save("one")
    async with reloading(project, nats_server, "--json") as worker:
        await publish(nats_server, 1)
        await until(lambda: project.has("one 1"), "it is handled", by=worker)
        project.save("two")  # of the same length, and perhaps within the same second
        await project.starts(2, worker)
        await publish(nats_server, 2)
        await until(lambda: project.has("two 2"), "the new one handles", by=worker)
        worker.send(signal.SIGINT)
        ended = await worker.finish()
    assert ended.code == 0, ended.err
    assert [json.loads(line)["handled"] for line in ended.out.splitlines()] == [1, 1]
    assert "billing.py changed; the worker is restarted" in ended.err
    assert project.lines("handled") == ["one", "begun 1", "one 1", "two", "begun 2", "two 2"]


async def test_the_old_one_finishes_its_work_before_the_new_one_starts(
    nats_server: NatsServer, project: Project
) -> None:
    project.save("one")
    (project.folder / "wait").touch()
    async with reloading(project, nats_server) as worker:
        await publish(nats_server, 1)
        await until(lambda: project.has("begun 1"), "it is begun", by=worker)
        project.save("two")
        await until(project.told_to_stop, "it is told to stop", by=worker)
        await publish(nats_server, 2)
        (project.folder / "wait").unlink()
        await until(lambda: project.has("one 1", "two 2"), "both are handled", by=worker)
        worker.send(signal.SIGTERM)
        ended = await worker.finish()
    assert ended.code == 0, ended.err
    assert project.lines("handled") == ["one", "begun 1", "one 1", "two", "begun 2", "two 2"]


async def test_a_mistake_is_shown_and_mended_by_saving_again(
    nats_server: NatsServer, project: Project
) -> None:
    (project.folder / "billing.py").write_text("print(0, file=open('started', 'a'))\nmistake")
    async with reloading(project, nats_server) as worker:
        await project.starts(1, worker)
        (project.folder / "notes.txt").write_text("no Python: nothing starts again for it")
        project.save("one")
        await project.starts(2, worker)
        project.save("other", "other.py")
        await project.starts(3, worker)
        await publish(nats_server, 1)
        await until(lambda: project.has("one 1"), "it is handled", by=worker)
        worker.send(signal.SIGTERM)
        ended = await worker.finish()
    assert ended.code == 0
    assert "NameError: name 'mistake' is not defined" in ended.err
    assert "notes.txt" not in ended.err
    assert "other.py changed" in ended.err


async def test_a_second_signal_reaches_the_worker_and_nothing_stays_behind(
    nats_server: NatsServer, project: Project
) -> None:
    project.save("one")
    (project.folder / "wait").touch()
    async with reloading(project, nats_server) as worker:
        await publish(nats_server, 1)
        await until(lambda: project.has("begun 1"), "it is begun", by=worker)
        worker.send(signal.SIGINT)
        await until(project.told_to_stop, "it heard the first", by=worker)
        worker.send(signal.SIGINT)
        ended = await worker.finish()
    assert ended.code == 128 + signal.SIGTERM, ended.err
    assert "0 handled · 1 returned" in ended.err
    [pid] = project.lines("started")
    assert not alive(pid)


async def test_without_what_watches_files_the_cure_is_named(project: Project) -> None:
    project.save("one")
    program = (
        "import sys; sys.modules['watchfiles'] = None; from dms_events.cli import main; main()"
    )
    words = ("worker", "billing:worker", "--reload")
    done = await run(sys.executable, "-c", program, *words, cwd=project.folder)
    assert (done.code, done.out) == (1, "")
    assert done.err == "dms-events: --reload needs an extra: pip install 'dms-events[reload]'\n"
    assert not project.lines("started")
