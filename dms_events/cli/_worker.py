"""``dms-events worker``: import a worker and run it."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import traceback
from operator import attrgetter
from types import ModuleType
from typing import Annotated

import msgspec
import typer

from ..errors import ConfigError
from ..worker import Worker
from ..worker.signals import on_signals
from ..worker.words import figures
from ..worker.worker import NO_HANDLER
from ._connection import Connection, connects
from ._libp2p_options import WAIT_FOR_PEERS, Libp2p
from ._logs import LogLevelOption, level_of, log_on_stderr
from ._running import end_within, run
from ._schemes import MAKE_STREAMS, URL, Nats
from ._shared import FiguresOption, out, status, visible

__all__ = ["worker"]

_LAST_S = 15.0
"""Time after the drain: to interrupt handlers, run shutdown hooks, and end threads and the connection."""


@connects(Nats, Libp2p, url=URL, make_streams=MAKE_STREAMS, wait_for_peers_s=WAIT_FOR_PEERS)
def worker(
    connection: Connection,
    target: Annotated[
        str, typer.Argument(metavar="MODULE:ATTRIBUTE", help="The worker, such as billing:worker.")
    ],
    drain: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Time that running handlers may take after a signal.",
            show_default="the worker's drain_s",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End when all waiting messages are handled.")
    ] = False,
    must_exist: Annotated[
        bool,
        typer.Option(
            "--must-exist",
            help="End with an error if the durable (the worker's name on the server) does not exist.",
        ),
    ] = False,
    json: FiguresOption = False,
    log_level: LogLevelOption = None,
    reload: Annotated[
        bool,
        typer.Option(
            "--reload",
            help="For development: restart when a .py file in this folder or below it changes.",
        ),
    ] = False,
) -> None:
    """Run a worker, which calls your handlers with events, until Ctrl-C or SIGTERM.

    After the first signal the running handlers finish, and the worker gives the other messages back. A
    second signal interrupts the handlers; their messages are given back too, and this counts as no
    attempt. A third signal ends the process.

    The module is looked for in the current folder first. docs/workers.md shows how to write a worker.
    """
    level = level_of(log_level)
    if reload:
        from ._reload import reloading

        flags = (("--once", once), ("--json", json), ("--must-exist", must_exist))
        options = ["--log-level", level]
        options += ["--drain", str(drain)] if drain is not None else []
        options += [word for word, on in flags if on]
        code = reloading(["worker", target, *options], connection.environment())
        raise typer.Exit(code)
    log_on_stderr(level)
    found = load(target)
    if drain is not None:
        found.settings.drain_s = drain
    found.settings.must_exist |= must_exist
    if once:
        found.drain()
    status.print(_introduction(target, found), markup=False)
    try:
        run(_run(found, connection))
    finally:
        status.print(visible(figures(found.stats.figures(), "handled")), markup=False)
    if json:
        out.print(msgspec.json.encode(found.stats.as_dict()).decode(), markup=False)


async def _run(found: Worker, connection: Connection) -> None:
    this = asyncio.current_task()
    connected = False

    def stop() -> None:
        if connected:
            found.stop()
        elif this is not None:
            this.cancel()  # no handler runs before the connection

    def bound() -> None:
        end_within(found.settings.drain_s + _LAST_S)

    with on_signals(stop, at_once=bound) as signals:
        try:
            async with connection.bus(wait=True) as bus:
                connected = True
                await found.run(bus)
        except asyncio.CancelledError:
            if signals.second:
                raise SystemExit(128 + signals.second) from None
            if connected:
                raise
        finally:
            end_within(_LAST_S)


def load(target: str) -> Worker:
    """Return the worker that ``module:attribute`` names.

    Raises:
        ConfigError: there is no such worker. If the module raises, its traceback is printed first.
    """
    name, colon, attribute = target.partition(":")
    if not (
        colon and all(part.isidentifier() for part in (*name.split("."), *attribute.split(".")))
    ):
        example = f"{name.removesuffix('.py').strip('./').replace('/', '.') or 'billing'}:worker"
        raise ConfigError("worker", f"{target!r} is not MODULE:ATTRIBUTE, such as {example}")
    sys.path.insert(0, os.getcwd())
    module = _imported(name)
    try:
        found = attrgetter(attribute)(module)
    except AttributeError:
        workers = [key for key, value in vars(module).items() if isinstance(value, Worker)]
        hint = (
            f"its workers are: {', '.join(workers)}" if workers else "it has no dms_events.Worker"
        )
        raise ConfigError("worker", f"{name} has no {attribute!r}; {hint}") from None
    if not isinstance(found, Worker):
        kind = type(found).__name__
        raise ConfigError("worker", f"{target} is of type {kind}, not a dms_events.Worker")
    if not (found.handlers or found.replies):
        raise ConfigError("worker", f"{target}: {NO_HANDLER}")
    return found


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                "worker", f"{error}; it was looked for in {os.getcwd()} first"
            ) from None
        trace = error.__traceback__
        while trace and (
            "importlib" in (file := trace.tb_frame.f_code.co_filename) or file == __file__
        ):
            trace = trace.tb_next
        traceback.print_exception(error.with_traceback(trace))
        raise ConfigError(
            "worker", f"the import of {name} failed; its traceback is above"
        ) from error


def _introduction(target: str, found: Worker) -> str:
    functions = {**found.handlers, **{f"requests of {t}": n for t, n in found.replies.items()}}
    named = ", ".join(f"{pattern} → {name}" for pattern, name in functions.items())
    kind = "at most once" if found.durable is None else f"durable {found.durable}"
    return f"{target}, {kind if found.handlers else 'replies'}: {named}"
