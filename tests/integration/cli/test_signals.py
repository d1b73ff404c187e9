"""SIGINT and SIGTERM end every command, whatever it waits for; a second one ends it at once."""

from __future__ import annotations

import array
import fcntl
import os
import shlex
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.integration.cli.test_dead import give_up
from tests.kit.programs.processes import CLI, Finished, Running, running, until
from tests.kit.servers.hanging import mute, silent, unreachable
from tests.kit.servers.link import linked
from tests.kit.storing import call, more_than

LOADED_S = 10.0
"""For an end that takes 2 s at most where the machine has nothing else to do."""
NEARLY_FULL = 60_000
"""Bytes, of the 65,536 that a pipe holds."""
BILLING = """
from dms_events import Worker
from dms_events.types.elk_stats import ServiceCall

worker = Worker("billing")


@worker.on(ServiceCall)
async def bill(event): ...
"""
CALL = dms_events.encode(call(1)).decode()
WAYS = {"silent": silent, "mute": mute, "unreachable": unreachable}
SETUP = ("nats", "setup")
SINK = ("sink", "run", "--to", "sqlite:events.db")
WORKER = ("worker", "billing:worker")


@asynccontextmanager
async def waiting(
    words: tuple[str, ...], reached: Callable[[], bool], cwd: Path
) -> AsyncIterator[Running]:
    """A command that waits for something which does not come."""
    (cwd / "billing.py").write_text(BILLING)
    async with running(*CLI, *words, cwd=cwd) as command:
        await until(reached, "it waits", by=command)
        yield command


async def ended(command: Running, number: Signals) -> Finished:
    """How it ends by a signal: with a shell's code and one line."""
    command.send(number)
    done = await command.finish(LOADED_S)
    assert done.code == 128 + number, done
    assert done.err == f"dms-events: ended by {number.name}\n"
    return done


@pytest.mark.parametrize(
    ("server", "words", "number"),
    [
        ("unreachable", ("tail",), SIGINT),
        ("unreachable", ("publish", "ServiceCall", CALL), SIGTERM),
        ("silent", ("dead", "list"), SIGINT),
        ("silent", (*SETUP, "--check"), SIGTERM),
        ("silent", SINK, SIGTERM),
        ("mute", ("tail",), SIGTERM),
        ("mute", ("publish", "ServiceCall", CALL), SIGINT),
        ("mute", ("dead", "show", "1"), SIGTERM),
        ("mute", ("dead", "drop", "--all", "--yes"), SIGINT),
        ("mute", SETUP, SIGINT),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
async def test_a_command_whose_server_hangs_ends(
    server: str, words: tuple[str, ...], number: Signals, tmp_path: Path
) -> None:
    async with WAYS[server]() as hanging:
        url = ("--from" if words == SINK else "--url", f"nats://{hanging.address}")
        async with waiting((*words, *url), hanging.reached, tmp_path) as command:
            assert (await ended(command, number)).out == ""


@pytest.mark.parametrize(
    ("words", "at", "number", "says"),
    [
        (("tail", "--all"), b"CONSUMER.CREATE.", SIGINT, ""),
        (("dead", "replay", "1"), b"dms.events.elk_stats.ServiceCall._", SIGTERM, ""),
        (
            ("publish", "ServiceCall", CALL),
            b"dms.events.elk_stats.ServiceCall._",
            SIGINT,
            "published 0 elk_stats.ServiceCall before the end; 1 more may be stored\n",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_a_command_ends_while_the_server_hangs_in_the_middle_of_its_work(
    nats_server: NatsServer,
    words: tuple[str, ...],
    at: bytes,
    number: Signals,
    says: str,
    tmp_path: Path,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(call(1))
        await give_up(bus, "billing", "*", 1, ValueError("no"))
    async with (
        linked(nats_server.url, stalls_at=at) as link,
        waiting((*words, "--url", link.url), lambda: link.stalled, tmp_path) as command,
    ):
        assert (await ended(command, number)).out == says


@pytest.mark.parametrize(
    "words", [("explain", "ServiceCall", "PIPE"), ("publish", "ServiceCall", "@PIPE")]
)
async def test_a_command_that_waits_for_its_input_ends(
    nats_server: NatsServer, tmp_path: Path, words: tuple[str, ...]
) -> None:
    pipe = tmp_path / "pipe"
    words = tuple(word.replace("PIPE", str(pipe)) for word in words)
    url = ("--url", nats_server.url) if words[0] == "publish" else ()
    with pipe_at(pipe):

        def opened() -> bool:
            with suppress(FileNotFoundError):  # another one was closed meanwhile
                files = Path(f"/proc/{command.pid}/fd").iterdir()
                return any(os.path.realpath(file) == str(pipe) for file in files)
            return False

        async with running(*CLI, *words, *url) as command:
            await until(opened, "it opens its input", by=command)
            await ended(command, SIGTERM)


@contextmanager
def pipe_at(place: Path) -> Iterator[int]:
    """A pipe with a name, which is open at both ends."""
    os.mkfifo(place)
    descriptor = os.open(place, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def test_tail_ends_while_it_waits_for_events_and_while_nobody_takes_its_output(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many([call(n) for n in range(2_000)])
    words = ("tail", "--all", "--url", nats_server.url)
    async with running(*CLI, *words) as tail:
        await until(lambda: tail.out.count("\n") == 2_000, "all is printed", by=tail)
        await ended(tail, SIGINT)
    with pipe_at(tmp_path / "pipe") as pipe:
        command = f"exec {shlex.join((*CLI, *words))} > {shlex.quote(str(tmp_path / 'pipe'))}"
        async with running("sh", "-c", command) as tail:
            await until(lambda: waiting_in(pipe) > NEARLY_FULL, "the pipe is full", by=tail)
            await ended(tail, SIGTERM)


def waiting_in(pipe: int) -> int:
    """Bytes in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


@pytest.mark.parametrize(
    "at", [b"CONSUMER.", b"$KV.", b"STREAM.INFO.KV_"], ids=["consumer", "notes", "bucket"]
)
async def test_a_worker_ends_while_its_first_subscribe_hangs(
    nats_server: NatsServer, tmp_path: Path, at: bytes
) -> None:
    async with (
        linked(nats_server.url, stalls_at=at) as link,
        waiting((*WORKER, "--url", link.url), lambda: link.stalled, tmp_path) as worker,
    ):
        worker.send(SIGTERM)
        done = await worker.finish(LOADED_S)
    assert (done.code, done.out) == (0, "")
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1] == "0 handled"
    assert "error" not in done.err.lower()


async def test_a_worker_ends_while_its_server_is_away(tmp_path: Path) -> None:
    async with running(*CLI, *WORKER, "--url", "nats://127.0.0.1:1", cwd=tmp_path) as worker:
        (tmp_path / "billing.py").write_text(BILLING)
        await until(lambda: "durable billing" in worker.err, "it begins", by=worker)
        worker.send(SIGINT)
        done = await worker.finish(LOADED_S)
    assert done.code in (0, 130), done
    assert "Traceback" not in done.err


async def test_a_second_signal_ends_a_command_at_once(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with (
        linked(nats_server.url, stalls_at=b"CONSUMER.CREATE.") as link,
        dms_events.connect(nats_server.url),
        waiting(("tail", "--url", link.url), lambda: link.stalled, tmp_path) as tail,
    ):
        done = await tail.finish_by_two_signals(LOADED_S)
    assert done.err.count("\n") == 1


async def test_the_demo_ends_at_once_where_nothing_is_to_be_finished_and_at_a_second_signal(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "kept"
    words = ("demo", "--devices", "50", "--events", "500000", "--keep", str(folder))
    async with silent() as hanging:
        elasticsearch = ("--elasticsearch", f"http://{hanging.address}")
        async with waiting((*words, *elasticsearch), hanging.reached, tmp_path) as demo:
            demo.send(SIGINT)
            done = await demo.finish(LOADED_S)
    assert (done.code, done.out) == (128 + SIGINT, "")
    assert done.err.splitlines()[-1] == "dms-events: ended by SIGINT"
    async with running(*CLI, *words[:-1], folder / "again") as demo:
        await until(more_than(folder / "again" / "events.db", 100), "events are stored", by=demo)
        done = await demo.finish_by_two_signals(LOADED_S)
    assert done.out == ""


async def test_a_second_signal_interrupts_a_forwarder(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    database = tmp_path / "events.db"
    words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}")
    async with dms_events.connect(nats_server.url) as bus, running(*CLI, *words) as forwarder:
        await bus.publish(call(1))
        await until(more_than(database, 0), "it is stored", by=forwarder)
        done = await forwarder.finish_by_two_signals(LOADED_S)
    assert (done.out, done.err.count("\n")) == ("", 1)
