"""``dms-events relay``: store on NATS the events that libp2p nodes publish."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated, Final

import msgspec
import typer

from ..errors import ConfigError
from ..urls import connect, scheme_of
from ..worker import Relay, RelayTally
from ..worker.words import figures
from ._connection import Connection, connects
from ._libp2p_options import Libp2p
from ._logs import LogLevelOption, level_of, log_on_stderr
from ._opening import url_of
from ._running import finishing, run
from ._schemes import MAKE_STREAMS, Nats, option
from ._shared import FiguresOption, TypesOption, out

__all__ = ["relay"]

_TO: Final = (
    Annotated[
        str,
        option("Connection", "--to", "URL of the NATS server that stores the events.", env="URL"),
    ],
    "nats://127.0.0.1:4222",
)
_BUFFER: Final = (
    Annotated[
        int,
        option(
            "libp2p",
            "--buffer-messages",
            "Most messages, of 64 MB together, that wait in memory while NATS is away.",
        ),
    ],
    100_000,
)


@connects(Nats, beside=(Libp2p,), url=_TO, make_streams=MAKE_STREAMS, buffer_messages=_BUFFER)
def relay(
    connection: Connection,
    from_: Annotated[
        str, option("Connection", "--from", "Address on which the relay's own libp2p node listens.")
    ] = "libp2p://0.0.0.0:4001",
    from_root: Annotated[
        str, option("Connection", "--from-root", "First part of the topics on libp2p.")
    ] = "dms",
    type_: TypesOption = None,
    drain: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Time after a signal to publish the events heard before.",
        ),
    ] = 10.0,
    json: FiguresOption = False,
    log_level: LogLevelOption = None,
) -> None:
    """Store on NATS the events that libp2p nodes publish, until Ctrl-C or SIGTERM.

    Each event is stored as its node signed it, with that node as the source. If several relays hear an
    event, it is stored once. After a signal the relay publishes the events that it has heard. Nothing is
    relayed from NATS to libp2p.

    docs/relay.md says what a relay keeps, and which permissions its account needs.
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
        raise ConfigError(
            "--from", "must be libp2p://HOST:PORT, the transport that proves who published an event"
        )
    node_options = connection.of(Libp2p).adapter_options(wait=False)
    with url_of("from_"):
        source = connect(from_, root=from_root, **node_options)
    target = connection.bus(wait=True)
    relaying = Relay(source, target, wanted=wanted, drain_s=drain_s)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(target)
        with url_of("from_"):
            await stack.enter_async_context(source)
        with finishing(relaying.stop):
            return await relaying.run()
