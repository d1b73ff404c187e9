"""``dms-events libp2p``: the key of a node, pings, and the list of peers."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from .. import codec
from ..bus import Bus
from ..errors import ConfigError, TransportError
from ..transport import Peer
from ..urls import scheme_of
from ._connection import Connection, connects
from ._libp2p_options import JOINING, Libp2pGuest
from ._running import run
from ._schemes import option
from ._shared import out, print_columns, visible, visible_json

__all__ = ["app"]

app = typer.Typer(
    help="Make a libp2p node's key, ping nodes, and list peers.", no_args_is_help=True
)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Key file, as for --key-file.")]
_NODE: Final = (
    Annotated[
        str,
        option(
            "Connection", "--url", "Address on which this command's own node listens.", env=None
        ),
    ],
    "libp2p://127.0.0.1:0",
)
_LOOK_S: Final = 0.05
_TYPES_S: Final = 2.0
"""Longest wait for the subscriptions of new peers: a peer sends them soon after it connects."""
_PAUSE_S: Final = 1.0


@app.command()
def key(file: FileArgument) -> None:
    """Show the public half of a key file. A missing file is made first.

    A new key is Ed25519, in the marshalled form of go-libp2p. Only the owner can read the file (mode
    0600). An existing file is never overwritten.
    """
    from dms_events_libp2p import read_identity

    there = file.exists()
    found = read_identity(file, make=True)
    if not there:
        out.print(visible(f"made {file}"), markup=False)
    rows = (("peer id", found.peer_id), ("key type", found.key_type))
    print_columns([*rows, ("public key", found.public_key)])


@app.command("id")
def id_(file: FileArgument) -> None:
    """Print the peer id that belongs to a key file."""
    from dms_events_libp2p import read_identity

    out.print(read_identity(file).peer_id)


@app.command()
@connects(Libp2pGuest, url=_NODE)
def ping(
    connection: Connection,
    peer: Annotated[
        str,
        typer.Argument(
            metavar="MULTIADDR", help="Node's address: /ip4/203.0.113.7/tcp/4001/p2p/12D3KooW…"
        ),
    ],
    count: Annotated[int, typer.Option(min=1, help="Number of pings, one per second.")] = 1,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest wait for each answer.")
    ] = 5.0,
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print each result (a machine.PingResult) as one line of JSON."
        ),
    ] = False,
) -> None:
    """Ping a node, and print the time of each round trip.

    The exit code is 1 if no answer came.
    """
    if not run(_ping(connection, peer, count, timeout, json)):
        raise typer.Exit(1)


async def _ping(
    connection: Connection, peer: str, count: int, timeout_s: float, json: bool
) -> bool:
    answered = False
    async with _node(connection) as bus:
        for number in range(count):
            if number:
                await asyncio.sleep(_PAUSE_S)
            result = await bus.transport.ping(peer, timeout_s=timeout_s)
            answered |= result.success
            if json:
                out.print(codec.encode(result).decode(), markup=False)
            elif result.success:
                out.print(f"answered in {_ms(result.rtt / 1e9)}")
            else:
                out.print(f"no answer within {timeout_s:g} s")
    return answered


@app.command()
@connects(Libp2pGuest, url=_NODE, **JOINING)
def peers(
    connection: Connection,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of connected peers at which the search ends.",
            show_default="all --bootstrap peers; with a DHT, no number",
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest time of the search.")
    ] = 10.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print each peer as one line of JSON.")
    ] = False,
) -> None:
    """Join a network, list the connected peers, and leave.

    For each peer the list has its id, which side dialled, the time of a round trip, the number of types
    that the peer subscribes to (`--json` has their names), and its addresses. The exit code is 1 if no
    peer was found.
    """
    found = run(_peers(connection, count, wait))
    if json:
        for each in found:
            out.print(visible_json(msgspec.json.encode(each).decode()), markup=False)
    else:
        heading = ("peer", "dialled by", "round trip", "types", "addresses")
        print_columns([heading, *map(_row, found)])


async def _peers(connection: Connection, count: int | None, wait_s: float) -> tuple[Peer, ...]:
    guest = connection.of(Libp2pGuest)
    named = {each.rstrip("/").partition("/p2p/")[2] for each in guest.bootstrap_peers or ()}
    if not named:
        raise ConfigError("--bootstrap", "name a peer to connect to: /ip4/…/tcp/…/p2p/…")
    are_all = not ("" in named or guest.dht_prefix or guest.rendezvous)
    if not os.environ.get("DMS_EVENTS_DEBUG"):
        logging.getLogger("dms_events").setLevel(logging.ERROR)  # a missing peer needs no warning

    def enough() -> bool:
        there = {peer.peer_id for peer in bus.peers}
        return len(there) >= count if count else are_all and named <= there

    async with _node(connection) as bus:
        await _until(enough, wait_s)
        await _until(lambda: all(peer.types for peer in bus.peers), _TYPES_S)
        await asyncio.gather(*(_measure(bus, peer) for peer in bus.peers))
        found = bus.peers
    if not found:
        raise TransportError(f"no peer was found: no --bootstrap peer answered within {wait_s:g} s")
    return found


def _node(connection: Connection) -> Bus:
    if scheme_of(connection.url) != Libp2pGuest.name:
        raise ConfigError(
            "--url",
            "must be libp2p://HOST:PORT, the address on which this command's own node listens",
        )
    return connection.bus()


async def _until(condition: Callable[[], bool], most_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            while True:
                if condition():
                    return
                await asyncio.sleep(_LOOK_S)


async def _measure(bus: Bus, peer: Peer) -> None:
    """Ping the peer, so that the bus knows its round-trip time; a peer may not answer."""
    with suppress(TransportError):
        await bus.transport.ping(peer.peer_id)


def _row(peer: Peer) -> tuple[str, ...]:
    return (
        peer.peer_id,
        "the peer" if peer.direction == "inbound" else "this node",
        "-" if peer.latency_s is None else _ms(peer.latency_s),
        str(len(peer.types)),
        " ".join(peer.addresses),
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"
