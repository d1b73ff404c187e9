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
from ._running import run
from ._schemes import MAKE_STREAMS, WAIT_FOR_PEERS, Libp2p, Nats
from ._shared import out, status

__all__ = ["publish"]

_BLOCK = 1 << 16


@connects(Nats, Libp2p, make_streams=MAKE_STREAMS, wait_for_peers_s=WAIT_FOR_PEERS)
def publish(
    connection: Connection,
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="For example ServiceCall.")],
    payload: Annotated[
        str,
        typer.Argument(
            metavar="[JSON | - | @FILE]",
            help="One event as JSON, or one a line from standard input (-) or a file (@FILE).",
        ),
    ] = "-",
    source: Annotated[str, typer.Option(help="Peer id of whoever publishes.")] = "",
) -> None:
    """Publish events given as JSON with Go's keys.

    They are read strictly: a missing or unknown key is an error, and `dms-events types TYPE` shows the
    keys. A line that cannot be read ends it; the lines before it are published by then, so go on behind
    them (`tail -n +LINE FILE | dms-events publish TYPE`): publishing a line again makes a new event.
    Prints how many were accepted: of NATS, stored by the stream; of libp2p, handed to the peers that
    subscribe, for the first of whom it waits.
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
        raise ConfigError("--source", "leave it out: the source is the node that signs")
    async with bus:
        try:
            with status.status("waiting for input") as shown:
                async for block in _blocks(stream):
                    *lines, rest = (rest + block).split(b"\n")
                    count += await bus.publish_many(_events(name, lines, number))
                    number += len(lines)
                    shown.update(f"{count:,} events")
                count += await bus.publish_many(_events(name, [rest], number))
                return count, sum(name in peer.types for peer in bus.peers)
        except asyncio.CancelledError as error:
            if cut := PublishError.behind(error):
                count += cut.accepted
            out.print(f"published {count:,} {name} before that{_open(cut)}")
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
