"""``dms-events worker``: it handles what is there, and ends cleanly at a signal."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import nats
import nats.js.errors
import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, Finished, run, running, until
from tests.kit.servers.listening import listening
from tests.kit.storing import call

HEAD = """
import asyncio, logging, time
from pathlib import Path
import dms_events
from dms_events.types.elk_stats import ServiceCall

logging.getLogger("dms_events").addHandler(logging.FileHandler("log"))
worker = dms_events.Worker("billing")

def note(what):
    with open("handled", "a") as file:
        print(what, file=file)
"""
SLOW = (
    HEAD
    + """
@worker.on(ServiceCall, attempts=1)
async def bill(event):
    await asyncio.sleep(0.02)
    note(int(event.call_id))
"""
)
HANGS_UNTIL_TOLD = (
    HEAD
    + """
@worker.on(ServiceCall, attempts=1)
async def bill(event):
    note("begun")
    if not Path("go").exists():
        await asyncio.Event().wait()
    note("done")
"""
)
BLOCKS = (
    HEAD
    + """
@worker.on(ServiceCall)
async def bill(event):
    note("begun")
    time.sleep(600)
"""
)


class Project:
    """A folder with a worker in ``billing.py``."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.command = (*CLI, "worker", "billing:worker", "--url", url)

    def write(self, code: str) -> None:
        (self.folder / "billing.py").write_text(code)

    @property
    def handled(self) -> list[str]:
        path = self.folder / "handled"
        return path.read_text().split() if path.exists() else []

    def logged(self, text: str) -> bool:
        path = self.folder / "log"
        return path.exists() and text in path.read_text()

    async def once(self) -> dict[str, int]:
        done = await run(*self.command, "--once", "--json", cwd=self.folder)
        assert done.code == 0, done.err
        tally: dict[str, int] = json.loads(done.out)
        return tally


@pytest.fixture
def project(tmp_path: Path, nats_server: NatsServer) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, nats_server.url)


async def publish(server: NatsServer, count: int) -> None:
    async with dms_events.connect(server.url) as bus:
        await bus.publish_many([call(number) for number in range(count)])


async def kept(server: NatsServer) -> tuple[int, int]:
    """How many dead letters there are, and how many attempts are noted."""
    async with dms_events.connect(server.url) as bus:
        letters = [letter async for letter in bus.dead_letters.find()]
    client = await nats.connect(server.url)
    try:
        notes = await client.jetstream().key_value("DMS_NOTES")
        return len(letters), len(await notes.keys())
    except nats.js.errors.NoKeysError:
        return len(letters), 0
    finally:
        await client.close()


def tally_line(ended: Finished) -> str:
    return ended.err.splitlines()[-1]


async def test_once_handles_what_is_there_and_tells_the_figures(
    nats_server: NatsServer, project: Project
) -> None:
    project.write(SLOW)
    await publish(nats_server, 30)
    done = await run(*project.command, "--once", cwd=project.folder)
    assert (done.code, done.out) == (0, "")
    first, begins, last = done.err.splitlines()
    assert first == "billing:worker, durable billing: elk_stats.ServiceCall → bill"
    assert "is new and begins with the oldest of 30 stored events" in begins
    assert last == "30 handled"
    assert sorted(map(int, project.handled)) == list(range(30))
    assert (await project.once())["handled"] == 0


async def test_ctrl_c_ends_it_at_once_while_a_server_accepts_and_says_nothing(
    tmp_path: Path,
) -> None:
    accepted = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await asyncio.Event().wait()

    async with listening(say_nothing) as port:
        project = Project(tmp_path, f"nats://127.0.0.1:{port}")
        project.write(SLOW)
        async with running(*project.command, cwd=tmp_path) as worker:
            async with asyncio.timeout(20):
                await accepted.wait()
            worker.send(signal.SIGINT)
            ended = await worker.finish(2)
    assert ended.code == 0, ended.err
    assert tally_line(ended) == "0 handled"


async def test_a_durable_that_must_exist_is_an_error_and_is_not_made(
    nats_server: NatsServer, project: Project
) -> None:
    project.write(SLOW)
    await publish(nats_server, 3)
    for _ in range(2):
        done = await run(*project.command, "--must-exist", cwd=project.folder)
        assert done.code == 1
        assert "there is no durable 'billing'" in done.err
    assert await project.once()


async def test_a_handler_that_asks_for_the_end_of_the_process_leaves_nothing_undrained(
    nats_server: NatsServer, project: Project
) -> None:
    project.write(SLOW + "    if event.call_id == 3: raise SystemExit\n")
    await publish(nats_server, 30)
    tally = await project.once()
    assert (tally["handled"], tally["rejected"]) == (29, 1)


async def test_at_sigterm_what_is_begun_is_finished_and_the_rest_left_to_the_next(
    nats_server: NatsServer, project: Project
) -> None:
    total = 400
    project.write(SLOW)
    await publish(nats_server, total)
    async with running(*project.command, "--json", cwd=project.folder) as worker:
        await until(lambda: len(project.handled) > 20, "some are handled", by=worker)
        worker.send(signal.SIGTERM)
        ended = await worker.finish()
    assert ended.code == 0, ended.err
    tally = json.loads(ended.out)
    assert 20 < tally["handled"] < total, "the signal came in the middle of its work"
    assert tally["handled"] == len(project.handled)
    assert tally_line(ended).startswith(f"{tally['handled']:,} handled")

    rest = await project.once()
    assert rest["handled"] == total - tally["handled"]
    assert sorted(map(int, project.handled)) == list(range(total)), "each once"
    assert await kept(nats_server) == (0, 0)


@pytest.mark.parametrize("how", ["--drain", "twice"])
async def test_what_is_interrupted_is_given_back_and_spends_no_attempt(
    nats_server: NatsServer, project: Project, how: str
) -> None:
    project.write(HANGS_UNTIL_TOLD)
    await publish(nats_server, 1)
    options = ("--drain", "0") if how == "--drain" else ()
    async with running(*project.command, *options, cwd=project.folder) as worker:
        await until(lambda: bool(project.handled), "it is begun", by=worker)
        worker.send(signal.SIGINT)
        if how == "twice":
            await until(lambda: project.logged("stopping"), "it heard the first", by=worker)
            worker.send(signal.SIGINT)
        ended = await worker.finish()
    assert ended.code == (0 if how == "--drain" else 130), ended.err
    assert tally_line(ended) == "0 handled · 1 returned"
    assert "Traceback" not in ended.err

    (project.folder / "go").touch()
    assert (await project.once())["handled"] == 1, "although it has one attempt only"
    assert project.handled == ["begun", "begun", "done"]
    assert await kept(nats_server) == (0, 0)


async def test_signals_end_also_a_worker_whose_handler_blocks_the_loop(
    nats_server: NatsServer, project: Project
) -> None:
    project.write(BLOCKS)
    await publish(nats_server, 1)
    async with running(*project.command, cwd=project.folder) as worker:
        await until(lambda: bool(project.handled), "it is begun", by=worker)
        for _ in range(100):
            if not worker.ended:
                worker.send(signal.SIGTERM)
                await asyncio.sleep(0.05)
        ended = await worker.finish()
    assert ended.code == -signal.SIGTERM


@pytest.mark.slow
async def test_a_drain_ends_in_time_also_where_a_handler_blocks_the_loop(
    nats_server: NatsServer, project: Project
) -> None:
    project.write(BLOCKS)
    await publish(nats_server, 1)
    async with running(*project.command, "--drain", "0", cwd=project.folder) as worker:
        await until(lambda: bool(project.handled), "it is begun", by=worker)
        worker.send(signal.SIGTERM)
        ended = await worker.finish()
    assert ended.code == 1
    assert "Timeout" in ended.err
    assert 'billing.py", line' in ended.err, "it shows what it hangs in"


async def test_the_tracebacks_of_handlers_are_seen_and_the_level_of_the_log_is_chosen(
    nats_server: NatsServer, project: Project
) -> None:
    project.write(
        HEAD
        + """
@worker.on(ServiceCall, attempts=2, backoff_s=0)
async def bill(event):
    logging.getLogger("billing").info("now")
    raise ValueError("no such tariff")
"""
    )
    await publish(nats_server, 1)
    told = await run(*project.command, "--once", cwd=project.folder)
    assert told.code == 0, told.err
    assert "INFO billing: now" in told.err
    assert "WARNING dms_events: bill raised on" in told.err
    assert 'raise ValueError("no such tariff")' in told.err
    assert tally_line(told) == "0 handled · 1 rejected · 1 returned · 2 raised"

    await publish(nats_server, 1)
    quiet = await run(*project.command, "--once", "--log-level", "error", cwd=project.folder)
    assert "bill raised on" not in quiet.err
    assert "ERROR dms_events: bill raised for the last time on" in quiet.err


async def test_hooks_run_around_the_work_and_a_startup_that_fails_shows_its_traceback(
    nats_server: NatsServer, project: Project
) -> None:
    hooks = """
@worker.on_startup
async def begin():
    note("startup")

@worker.on_shutdown
async def end():
    note("shutdown")
"""
    project.write(SLOW + hooks)
    await publish(nats_server, 1)
    assert (await project.once())["handled"] == 1
    assert project.handled == ["startup", "0", "shutdown"]
    project.write(SLOW + hooks.replace('note("startup")', "1 / 0"))
    failed = await run(*project.command, "--once", cwd=project.folder)
    assert failed.code == 1
    assert "ZeroDivisionError" in failed.err
    assert 'billing.py", line' in failed.err
    assert project.handled[3:] == ["shutdown"]
