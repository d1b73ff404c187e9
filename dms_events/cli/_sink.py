"""``dms-events sink run``: forward events into a sink."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from ..transport import ACK_WAIT_S
from ..urls import sink_for
from ..worker import Forwarder, Tally
from ._connection import Connection, connects
from ._running import finishing, run
from ._schemes import MAKE_STREAMS, Nats, option
from ._shared import out, status

__all__ = ["app"]

_FROM: Final = (
    Annotated[str, option("Connection", "--from", "Where the bus is.", env="URL")],
    "nats://127.0.0.1:4222",
)

app = typer.Typer(help="Forward stats events into a store.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("run")
@connects(Nats, url=_FROM, make_streams=MAKE_STREAMS)
def run_(
    connection: Connection,
    to: Annotated[
        str,
        typer.Option(
            "--to", envvar="DMS_EVENTS_SINK", help="sqlite:path.db or http://elasticsearch:9200"
        ),
    ] = "sqlite:events.db",
    durable: Annotated[
        str, typer.Option(help="Name of the consumer; sinks that share it share the work.")
    ] = "dms-events-sink",
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", help="A type or pattern; may be repeated.  [default: elk_stats.*]"),
    ] = None,
    ack_wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="An event that is not settled by then is delivered again. Counts for a new consumer.",
        ),
    ] = ACK_WAIT_S,
    once: Annotated[bool, typer.Option(help="Stop when everything there is stored.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the final figures as JSON.")] = False,
) -> None:
    """Forward events until Ctrl-C or SIGTERM, then finish what is being written.

    An event is acknowledged after the store has it. Run it again, also after a crash, and it goes on
    where it was; what comes a second time is recognised by its identity. What can never be stored
    becomes a dead letter: `dms-events dead list`.

    How far it is belongs to the consumer (`--durable`), not to the store: to fill a new store from the
    start, give it a consumer of its own.
    """
    wanted = type_ or ["elk_stats.*"]
    tally = run(_run(connection, to, durable, wanted, ack_wait, once))
    if json:
        out.print(msgspec.json.encode(tally).decode(), markup=False)
    else:
        out.print(_line(tally))
        if tally.rejected or tally.undecodable:
            out.print("`dms-events dead list` says why some were not stored")


async def _run(
    connection: Connection,
    to: str,
    durable: str,
    wanted: list[str],
    ack_wait_s: float,
    once: bool,
) -> Tally:
    with status.status("connecting") as shown:
        async with sink_for(to) as sink, connection.bus(wait=True) as bus:
            forwarder = Forwarder(
                bus,
                sink,
                durable=durable,
                wanted=wanted,
                ack_wait_s=ack_wait_s,
                report=lambda tally: shown.update(_line(tally)),
            )
            if once:
                forwarder.drain()
            shown.update("waiting for events")
            with finishing(forwarder.stop):
                return await forwarder.run()


def _line(tally: Tally) -> str:
    return " · ".join(
        f"{getattr(tally, name):,} {name}"
        for name in (
            "stored",
            "duplicates",
            "rejected",
            "undecodable",
            "redelivered",
            "returned",
            "for_others",
        )
        if name == "stored" or getattr(tally, name)
    )
