"""``dms-events sink run``: forward events into a sink."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from itertools import chain
from typing import Annotated, Any, Final

import msgspec
import typer

from .. import registry
from ..errors import ConfigError
from ..sink import Sink, why_not_storable
from ..transport import ACK_WAIT_S
from ..urls import sink_for
from ..worker import Forwarder, Stats
from ..worker.words import figures
from ._connection import Connection, connects
from ._elasticsearch_options import ElasticsearchSink, elasticsearch_options
from ._logs import Level, level_of, log_on_stderr
from ._monitor import Awaited, HttpOption, monitored
from ._opening import opened, url_of
from ._running import end_within, finishing, repeated, run
from ._schemes import MAKE_STREAMS, Nats, option
from ._shared import FiguresOption, TypesOption, out, status
from ._signals import Interrupted

__all__ = [
    "FROM",
    "LAST_S",
    "DrainOption",
    "Limits",
    "forwarded",
    "line_of",
    "print_figures",
    "sink_run",
    "storable",
]

FROM: Final = (
    Annotated[str, option("Connection", "--from", "URL of the NATS server.", env="URL")],
    "nats://127.0.0.1:4222",
)

LAST_S: Final = 2.0
"""Part of the drain after the writes: to give messages back, and close the sink and the connection."""

DrainOption = Annotated[
    float,
    typer.Option(
        min=1,
        metavar="SECONDS",
        help="Time after a signal to finish the running writes and end.",
    ),
]


class Limits(msgspec.Struct, frozen=True):
    """The upper limits of what is written at a time. The sink may take less."""

    batch: Annotated[
        int, option("Limits", "--batch", "Most events in one write.", env="SINK_BATCH")
    ] = 1000
    batch_bytes: Annotated[
        int,
        option("Limits", "--batch-bytes", "Most bytes in one write.", env="SINK_BATCH_BYTES"),
    ] = 8 << 20
    writes: Annotated[
        int, option("Limits", "--writes", "Most writes at a time.", env="SINK_WRITES")
    ] = 2
    give_up_s: Annotated[
        float | None,
        option(
            "Limits",
            "--give-up",
            "End with an error when the store takes nothing for so long.",
            env="SINK_GIVE_UP",
            metavar="SECONDS",
            default="never",
        ),
    ] = None


@connects(Nats, first=(Limits,), beside=(ElasticsearchSink,), url=FROM, make_streams=MAKE_STREAMS)
def sink_run(
    connection: Connection,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="DMS_EVENTS_SINK",
            help="Store of the events: sqlite:FILE, file:FILE, or the URL of an Elasticsearch server.",
        ),
    ] = "sqlite:events.db",
    durable: Annotated[
        str,
        typer.Option(help="Name of this reader on the server. Sinks of one name share the events."),
    ] = "dms-events-sink",
    type_: TypesOption = None,
    ack_wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Time after which an unacknowledged event is delivered again. Set when the reader is "
            "made.",
        ),
    ] = ACK_WAIT_S,
    drain: DrainOption = 8.0,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROOT",
            help="Root to which only relays may publish; its documents name the signers. Repeatable.",
        ),
    ] = None,
    http: HttpOption = None,
    log_level: Annotated[
        Level | None,
        typer.Option(
            help="Lowest level of the logs on stderr; at info the figures are logged each minute.",
            show_default="only warnings, without times",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End when all waiting events are stored.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait",
            envvar="DMS_EVENTS_SINK_WAIT",
            help="Wait for a store that does not answer yet.",
        ),
    ] = False,
    json: FiguresOption = False,
) -> None:
    """Store events until Ctrl-C or SIGTERM, then finish the running writes.

    An event is acknowledged after the store has it. If the command is started again, also after a crash,
    it continues where it ended, and recognizes a redelivered event by its identity. An event that can
    never be stored becomes a dead letter: see `dms-events dead list`. A second signal interrupts the
    running writes.

    The position in the stream belongs to the reader (`--durable`), not to the store. To fill a new store
    from the oldest event on, use a new name.

    A pattern such as `--type '*'` leaves out the types that may not be stored, and prints them.
    """
    if log_level is not None:
        log_on_stderr(log_level)
    wanted = storable(type_)
    root = connection.root or "dms"
    if trust and root not in trust:
        reason = f"the events come from the root {root} (--root), and {trust[0]} is another"
        raise ConfigError("--trust", reason)
    if level_of(log_level) is not Level.DEBUG:
        # The client logs each host that is lost or back. The sink says what that means.
        logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    with url_of("to"):
        sink = sink_for(to, **elasticsearch_options(connection.given, to, ElasticsearchSink))
    settings = {
        "durable": durable,
        "wanted": wanted,
        "ack_wait_s": ack_wait,
        "drain_s": max(0.0, drain - LAST_S),
        "trust": trust or [],
        **msgspec.structs.asdict(connection.of(Limits)),
    }
    run(forwarded(connection, opened(sink, wait=wait), settings, drain, http, once, json))


def storable(given: list[str] | None) -> list[str]:
    """Return the patterns of ``--type``; one with types that may not be stored becomes its others."""
    patterns = given or ["elk_stats.*"]
    kept: list[str] = []
    left_out: dict[str, list[str]] = {}
    modules = sorted({f"{name.partition('.')[0]}.*" for name in registry.names()})
    for pattern in chain.from_iterable(modules if one == "*" else (one,) for one in patterns):
        reasons = {name: why_not_storable(name) for name in registry.matching(pattern)}
        if "*" not in pattern or not any(reasons.values()):
            kept.append(pattern)
            continue
        kept += [name for name, reason in reasons.items() if not reason]
        for name, reason in reasons.items():
            if reason:
                left_out.setdefault(reason, []).append(name)
    for reason, names in sorted(left_out.items()):
        status.print(f"left out, as each of them {reason}: {', '.join(sorted(names))}")
    if not kept:
        raise ConfigError("--type", f"no type of {', '.join(patterns)} may be stored")
    return kept


async def forwarded(
    connection: Connection,
    opened: AbstractAsyncContextManager[Sink],
    settings: dict[str, Any],
    drain_s: float,
    http: str | None,
    once: bool,
    json: bool,
) -> None:
    """Forward events into a sink until a signal, and print the figures."""
    watched = Awaited()
    with status.status("connecting") as shown:
        async with monitored(watched, http), opened as sink, connection.bus(wait=True) as bus:
            forwarder = watched.made = Forwarder(bus, sink, **settings)
            if once:
                forwarder.drain()
            try:
                with finishing(forwarder.stop, at_once=lambda: end_within(drain_s)):
                    async with repeated(lambda: shown.update(_progress(forwarder.stats))):
                        await forwarder.run()
            except Interrupted:
                end_within(LAST_S)
                raise
            # Closing the sink may hang, so the figures are printed first.
            shown.stop()
            stats = forwarder.stats
            print_figures(stats, json=json)
            if not json and (stats.rejected or stats.undecodable):
                out.print("`dms-events dead list` says why some were not stored")


def print_figures(stats: Stats, *, json: bool) -> None:
    """Print the final figures of a sink."""
    if json:
        by_type = {name: _said(counts) for name, counts in stats.by_type.items()}
        said = {"received": stats.received, **_said(stats.figures()), "by_type": by_type}
        out.print(msgspec.json.encode(said).decode(), markup=False)
        return
    out.print(line_of(stats))


def _progress(stats: Stats) -> str:
    return line_of(stats) if stats.received else "waiting for events"


def line_of(stats: Stats) -> str:
    """Return the figures of a sink in a line."""
    return figures(_said(stats.figures()), "stored")


def _said(counts: dict[str, int]) -> dict[str, int]:
    """Return the figures in the words of a sink: handled events are stored."""
    return {"stored" if name == "handled" else name: count for name, count in counts.items()}
