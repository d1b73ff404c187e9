"""``dms-events tail``: print events as they come."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import typer

from .. import codec
from ..bus import Subscription
from ._shared import (
    RevealOption,
    RootOption,
    UrlOption,
    guarded,
    looking_at,
    on_interrupt,
    on_reader_gone,
    out,
    visible,
    visible_json,
)

__all__ = ["tail"]


def tail(
    type_: Annotated[
        str, typer.Argument(metavar="[TYPE]", help="A type, or a pattern such as elk_stats.*")
    ] = "*",
    url: UrlOption = "nats://127.0.0.1:4222",
    root: RootOption = "dms",
    all_: Annotated[
        bool, typer.Option("--all", help="From the oldest stored event on, not only new ones.")
    ] = False,
    count: Annotated[int, typer.Option(help="Stop after so many; 0 goes on until Ctrl-C.")] = 0,
    reveal: RevealOption = False,
) -> None:
    """Print events as they arrive: time, type, source, identity and the event's JSON.

    Changes nothing for other readers.
    """
    asyncio.run(_tail(type_, url, root, all_, count, reveal))


async def _tail(
    pattern: str, url: str, root: str, everything: bool, count: int, reveal: bool
) -> None:
    async with looking_at(url, root) as bus:
        subscription = bus.subscribe(pattern, start="all" if everything else "new")
        async with subscription as messages:
            printing = asyncio.create_task(_print(messages, count, reveal))
            with (
                on_interrupt(printing.cancel),
                on_reader_gone(printing.cancel),
                suppress(asyncio.CancelledError),
            ):
                await printing


async def _print(messages: Subscription[Any], count: int, reveal: bool) -> None:
    left = count
    async for message in messages:
        when = message.time_text or message.stored.isoformat()
        event = visible_json(codec.encode(message.event).decode())
        body = guarded(message.type_name, event, reveal)
        who = visible(f"{when} {message.type_name} {message.source or '-'} {message.id}")
        out.print(f"{who} {body}", markup=False)
        await message.ack()
        left -= 1
        if left == 0:
            return
