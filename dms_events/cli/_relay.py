"""``dms-events relay``: store the events that nodes gossip as durable events."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from ..errors import ConfigError
from ..urls import connect, scheme_of
from ..worker import Relay, RelayTally
from ..worker.words import figures
from ._connection import Connection, connects
from ._logs import LogLevelOption, level_of, log_on_stderr
from ._running import finishing, run
from ._schemes import MAKE_STREAMS, Libp2p, Nats, option
from ._shared import out

__all__ = ["relay"]

_TO: Final = (
    Annotated[str, option("Connection", "--to", "Where the events are stored.", env="URL")],
    "nats://127.0.0.1:4222",
)
_BUFFER: Final = (
    Annotated[
        int,
        option(
            "libp2p",
            "--buffer-messages",
            "The most messages that wait while NATS is away, beside 64 MB.",
        ),
    ],
    100_000,
)


@connects(Nats, beside=(Libp2p,), url=_TO, make_streams=MAKE_STREAMS, buffer_messages=_BUFFER)
def relay(
    connection: Connection,
    from_: Annotated[
        str, option("Connection", "--from", "Where the node that hears them listens.")
    ] = "libp2p://0.0.0.0:4001",
    from_root: Annotated[
        str, option("Connection", "--from-root", "First part of all topics.")
    ] = "dms",
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", help="A type or pattern; may be repeated.  [default: elk_stats.*]"),
    ] = None,
    drain: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="How long it may publish after a signal what it heard before.",
        ),
    ] = 10.0,
    json: Annotated[bool, typer.Option("--json", help="Print the final figures as JSON.")] = False,
    log_level: LogLevelOption = None,
) -> None:
    """Store on NATS what libp2p nodes gossip, until Ctrl-C or SIGTERM.

    Each event is stored as it was signed, with its signer as source; once, however many relays hear it.
    After a signal it publishes what it heard before. There is no way back, from NATS to gossip.

    What it keeps, and what its account may do: docs/relay.md.
    """
    log_on_stderr(level_of(log_level))
    tally = run(_run(connection, from_, from_root, type_ or ["elk_stats.*"], drain))
    if json:
        out.print(msgspec.json.encode(tally).decode(), markup=False)
    else:
        out.print(figures(msgspec.structs.asdict(tally), "stored"))


async def _run(
    connection: Connection, from_: str, from_root: str, wanted: list[str], drain_s: float
) -> RelayTally:
    if scheme_of(from_) != Libp2p.name:
        raise ConfigError("--from", "only libp2p://HOST:PORT proves who published an event")
    node_options = connection.of(Libp2p).adapter_options(wait=False)
    source = connect(from_, root=from_root, **node_options)
    target = connection.bus(wait=True)
    relaying = Relay(source, target, wanted=wanted, drain_s=drain_s)
    async with target, source:
        with finishing(relaying.stop):
            return await relaying.run()
