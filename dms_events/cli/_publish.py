"""``dms-events publish``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer

from .. import codec, registry
from .._connect import connect
from ..errors import ConfigError, DecodeError
from ._shared import RootOption, UrlOption, out, status

__all__ = ["publish"]


def publish(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="For example ServiceCall.")],
    payload: Annotated[
        str,
        typer.Argument(
            metavar="[JSON | - | @FILE]",
            help="One event as JSON, or one a line from standard input (-) or a file (@FILE).",
        ),
    ] = "-",
    url: UrlOption = "nats://127.0.0.1:4222",
    root: RootOption = "dms",
    source: Annotated[str, typer.Option(help="Peer id of whoever publishes.")] = "",
) -> None:
    """Publish events given as JSON with Go's keys.

    They are checked strictly first: a missing or unknown key is an error, and `dms-events types TYPE`
    shows the keys. Returns once the stream has stored them, and prints how many.
    """
    name = registry.resolve(type_)
    with ExitStack() as stack:
        if payload == "-":
            lines: Iterator[bytes] = iter(sys.stdin.buffer)
        elif payload.startswith("@"):
            lines = iter(stack.enter_context(_open(Path(payload[1:]))))
        else:
            lines = iter([payload.encode()])
        count = asyncio.run(_publish(url, root, source, _events(name, lines)))
    out.print(f"published {count:,} {name}")


async def _publish(url: str, root: str, source: str, events: Iterator[msgspec.Struct]) -> int:
    async with connect(url, source=source, root=root) as bus:
        return await bus.publish_many(events)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(f"@{path}", error.strerror or str(error)) from error


def _events(name: str, lines: Iterator[bytes]) -> Iterator[msgspec.Struct]:
    type_ = registry.get(name)
    with status.status("") as shown:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield codec.decode(line, type_, strict=True)
            except DecodeError as error:
                reason = f"line {number}: {error.reason}"
                raise DecodeError(error.type, error.path, reason, line) from error
            if number % 1000 == 0:
                shown.update(f"{number:,} events")
