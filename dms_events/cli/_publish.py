"""``dms-events publish``: publish events from arguments or standard input."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Annotated

import msgspec
import typer

from .. import codec, registry
from ..errors import ConfigError, DecodeError, PublishError
from ._connection import Connection, connects
from ._libp2p_options import WAIT_FOR_PEERS, Libp2p
from ._running import run
from ._schemes import MAKE_STREAMS, URL, Nats
from ._shared import out, status

__all__ = ["publish"]

_BLOCK = 1 << 16


@connects(Nats, Libp2p, url=URL, make_streams=MAKE_STREAMS, wait_for_peers_s=WAIT_FOR_PEERS)
def publish(
    connection: Connection,
    type_: Annotated[
        str, typer.Argument(metavar="TYPE", help="Type of the events, such as ServiceCall.")
    ],
    payload: Annotated[
        str,
        typer.Argument(
            metavar="JSON | - | @FILE",
            help="One event as JSON; or standard input (-) or a file (@FILE) with one event per line.",
        ),
    ] = "-",
    source: Annotated[str, typer.Option(help="Peer id of the publisher.")] = "",
) -> None:
    """Publish events that are given as JSON.

    The JSON has the keys of Go; `dms-events types TYPE` lists them. A missing or unknown key is an error.

    The command ends at the first line that it cannot read. The lines before it are published. Correct the
    line, and continue with it: `tail -n +LINE FILE | dms-events publish TYPE`. A line that is published
    twice makes two events.

    The command prints how many events were accepted. On NATS, the stream has stored them. On libp2p, they
    were handed to the peers that subscribe; the command waits for the first such peer.
    """
    name = registry.resolve(type_)
    with _opened(payload) as stream:
        count, peers = run(_publish(connection, source, name, stream))
    out.print(f"published {count:,} {name}{_to_whom(peers)}")


async def _publish(
    connection: Connection, source: str, name: str, stream: io.RawIOBase
) -> tuple[int, int]:
    """Return the number of published events, and of peers that subscribe to them."""
    count = number = 0
    rest = b""
    bus = connection.bus(source=source)
    if source and bus.guarantees.authenticates:
        raise ConfigError(
            "--source", "leave it out: here the source is the node that signs the event"
        )
    async with bus:
        try:
            with status.status("waiting for input") as shown:
                async for block in _blocks(stream):
                    *lines, rest = (rest + block).split(b"\n")
                    count += await bus.publish_many(_events(name, lines, number))
                    number += len(lines)
                    shown.update(f"{count:,} events published")
                count += await bus.publish_many(_events(name, [rest], number))
                return count, sum(name in peer.types for peer in bus.peers)
        except asyncio.CancelledError as error:
            if cut := PublishError.behind(error):
                count += cut.accepted
            out.print(f"published {count:,} {name} before the end{_open(cut)}")
            raise


def _to_whom(peers: int) -> str:
    if not peers:
        return ""
    return "; 1 peer subscribes to it" if peers == 1 else f"; {peers:,} peers subscribe to it"


def _open(cut: PublishError | None) -> str:
    rest = len(cut.unacknowledged) if cut else 0
    return f"; {rest:,} more may be stored" if rest else ""


def _opened(payload: str) -> io.RawIOBase:
    try:
        if payload == "-":
            if sys.stdin is None:
                raise ConfigError("-", "standard input is closed; give the JSON, or @FILE")
            return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
        if payload.startswith("@"):
            return open(payload[1:], "rb", buffering=0)
    except OSError as error:
        raise ConfigError(payload, error.strerror or str(error)) from error
    return _Inline(payload.encode())


class _Inline(io.RawIOBase):
    """A payload from the command line, as a stream."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    def read(self, size: int = -1) -> bytes:
        payload, self._payload = self._payload, b""
        return payload


async def _blocks(stream: io.RawIOBase) -> AsyncIterator[bytes]:
    """Yield input as soon as it is there. Waiting for input does not block the bus."""
    loop = asyncio.get_running_loop()
    blocks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(1)

    def feed() -> None:
        block = b"-"
        # If the command ended at a bad line, the loop is closed, or the stream is (a ValueError).
        with suppress(RuntimeError, ValueError):
            while block:
                room.acquire()
                block = stream.read(_BLOCK) or b""
                loop.call_soon_threadsafe(blocks.put_nowait, block)

    # A daemon thread: a thread that waits for a terminal cannot be ended.
    threading.Thread(target=feed, daemon=True).start()
    while block := await blocks.get():
        room.release()
        yield block


def _events(name: str, lines: Sequence[bytes], before: int) -> Iterator[msgspec.Struct]:
    type_ = registry.get(name)
    for number, line in enumerate(lines, before + 1):
        if not line.strip():
            continue
        try:
            yield codec.decode(line, type_, strict=True)
        except DecodeError as error:
            before_it = "; the lines before it are published" if number > 1 else ""
            reason = f"line {number}: {error.reason}{before_it}"
            raise DecodeError(error.type, error.path, reason, line) from error
