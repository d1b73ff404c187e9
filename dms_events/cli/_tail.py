"""``dms-events tail``: print events as they come."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
import typer

from .. import codec
from ..bus import Message, Subscription
from ._connection import Connection, connects
from ._libp2p_options import Libp2p
from ._running import run
from ._schemes import URL, Nats
from ._shared import (
    HIDDEN,
    RevealOption,
    is_secret,
    on_reader_gone,
    out,
    visible,
    visible_json,
)

__all__ = ["tail"]


@connects(Nats, Libp2p, url=URL)
def tail(
    connection: Connection,
    type_: Annotated[
        str,
        typer.Argument(
            metavar="TYPE", help="Type of the events, or pattern of types, such as elk_stats.*"
        ),
    ] = "*",
    all_: Annotated[
        bool,
        typer.Option("--all", help="Begin with the oldest stored event, not with the next one."),
    ] = False,
    count: Annotated[
        int, typer.Option(help="Number of events after which to end; 0 is no limit.")
    ] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="Print each event as one line of JSON.")
    ] = False,
    reveal: RevealOption = False,
) -> None:
    """Print events as they arrive: time, type, source, identity and JSON.

    A source in brackets is only claimed by the sender. `_(peer-1)`: the sender is not known, and claims
    to be peer-1. `peer-2(peer-1)`: peer-2 sent the event, and claims to be peer-1.

    The command changes nothing for other readers.
    """
    run(_tail(type_, connection, all_, count, json, reveal))


async def _tail(
    pattern: str,
    connection: Connection,
    everything: bool,
    count: int,
    json: bool,
    reveal: bool,
) -> None:
    async with connection.bus() as bus:
        subscription = bus.subscribe(pattern, start="all" if everything else "new")
        async with subscription as messages:
            printing = asyncio.create_task(_print(messages, count, json, reveal))
            gone = False

            def stop() -> None:
                nonlocal gone
                gone = printing.cancel()

            with on_reader_gone(stop):
                try:
                    await printing
                except asyncio.CancelledError:
                    if not gone:
                        raise


async def _print(messages: Subscription[Any], count: int, json: bool, reveal: bool) -> None:
    left = count
    async for message in messages:
        out.print((_record if json else _line)(message, reveal), markup=False)
        await message.ack()
        left -= 1
        if left == 0:
            return


def _line(message: Message[Any], reveal: bool) -> str:
    when = message.time_text or message.stored.isoformat()
    who = visible(f"{when} {message.type_name} {_source(message)} {message.id}")
    if is_secret(message.type_name) and not reveal:
        return f"{who} {HIDDEN}"
    return f"{who} {visible_json(codec.encode(message.event).decode())}"


def _source(message: Message[Any]) -> str:
    if message.source_is_claimed:
        return f"_({message.source})"
    if message.claimed_source:
        return f"{message.source}({message.claimed_source})"
    return message.source or "-"


def _record(message: Message[Any], reveal: bool) -> str:
    event: Any = msgspec.Raw(codec.encode(message.event))
    if is_secret(message.type_name) and not reveal:
        event = HIDDEN
    fields = {
        "time": message.time_text,
        "stored": message.stored,
        "type": message.type_name,
        "source": message.source,
        "source_is_claimed": message.source_is_claimed,
        "claimed_source": message.claimed_source,
        "id": message.id,
        "sequence": message.sequence,
        "subject": message.subject,
        "event": event,
    }
    return visible_json(msgspec.json.encode(fields).decode())
