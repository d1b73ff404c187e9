"""``dms-events dead``: list, show, replay and drop dead letters."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Annotated

import typer

from ..dead_letters import DeadLetter
from ..errors import ConfigError, ReplayError, TransportError
from ._connection import Connection, connects
from ._letters import (
    Choice,
    Filters,
    counted,
    fields,
    record,
    table,
    without_payload,
)
from ._running import run
from ._schemes import Nats
from ._shared import (
    RevealOption,
    out,
    print_columns,
    status,
    visible,
)

__all__ = ["app"]

app = typer.Typer(
    help="List, show, replay and drop dead letters: messages that a reader gave up.",
    no_args_is_help=True,
)

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID",
        help="Number of a letter, or identity of an event, as `dead list` shows them.",
        show_default=False,
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Take all dead letters.", rich_help_panel="Which")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print each letter as one line of JSON.")]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Print the letters that would be affected, and change nothing."),
]


@app.command("list")
@connects(Nats, first=(Filters,))
def list_(
    connection: Connection,
    limit: Annotated[
        int, typer.Option(min=0, help="Most letters that are listed; 0 is no limit.")
    ] = 0,
    each: Annotated[
        bool, typer.Option("--each", help="List every letter, also if many have one cause.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List dead letters, oldest first.

    If more than three letters have one cause, the list has the first one and the number of the others.
    Letters have one cause if they have one reader, type and error, and their reasons differ in numbers
    and quoted words only.
    """
    choice = Choice(connection.of(Filters))
    letters = run(_light(choice, connection, limit))
    if json:
        for letter in letters:
            out.print(record(letter), markup=False)
    elif letters:
        print_columns(table(letters, each=each))
    else:
        out.print("no dead letters")


@app.command()
@connects(Nats)
def show(
    connection: Connection,
    id: Annotated[
        str,
        typer.Argument(
            help="Number of a letter, or identity of an event, as `dead list` shows them."
        ),
    ],
    json: JsonOption = False,
    reveal: RevealOption = False,
) -> None:
    """Show one dead letter, or all dead letters of one event, with the event and the original bytes."""
    for letter in run(_whole(Choice(Filters(), [id]), connection)):
        if json:
            out.print(record(letter, whole=True, reveal=reveal), markup=False)
            continue
        for name, text in fields(letter, reveal):
            out.print(f"{name:>14}  {text}", markup=False)


@app.command()
@connects(Nats, first=(Filters,))
def replay(
    connection: Connection,
    names: NamesArgument = None,
    all_: AllOption = False,
    dry_run: DryRunOption = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the letters; do not drop them.")
    ] = False,
    to_all: Annotated[
        bool,
        typer.Option("--to-all", help="Replay to every reader of the type, and print the readers."),
    ] = False,
) -> None:
    """Publish the original messages of dead letters again, and drop the letters.

    Repair the reader first. A replayed event keeps its identity. Only the reader that gave it up handles
    it; other durables of this library skip it. Readers of other software get it like any event. A letter
    that cannot be replayed is named and stays, and the exit code is 1.
    """
    choice = Choice(connection.of(Filters), names or ())
    _check_said(choice, all_, "replay")
    if run(_replay(choice, connection, keep=keep, dry_run=dry_run, to_all=to_all)):
        raise typer.Exit(1)


@app.command()
@connects(Nats, first=(Filters,))
def drop(
    connection: Connection,
    names: NamesArgument = None,
    all_: AllOption = False,
    dry_run: DryRunOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Delete dead letters for good.

    The original messages stay in the events stream as long as that stream keeps them.
    """
    choice = Choice(connection.of(Filters), names or ())
    _check_said(choice, all_, "drop")
    letters = run(_light(choice, connection))
    if dry_run:
        if letters:
            print_columns(table(letters))
        out.print(f"would drop {counted(len(letters))}")
        return
    if letters and not yes:
        if not sys.stdin.isatty():
            reason = f"{counted(len(letters))} would be deleted for good: add --yes or --dry-run"
            raise ConfigError("drop", reason)
        typer.confirm(f"Drop {counted(len(letters))} for good?", abort=True, err=True)
    run(_drop(letters, connection))


def _check_said(choice: Choice, everything: bool, command: str) -> None:
    if choice.unlimited and not everything:
        raise ConfigError(
            command, "choose the letters by an ID, by a filter such as --reader, or by --all"
        )


async def _whole(choice: Choice, connection: Connection) -> list[DeadLetter]:
    async with connection.bus() as bus:
        return [letter async for letter in choice.of(bus)]


async def _light(choice: Choice, connection: Connection, limit: int = 0) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    async with connection.bus() as bus, aclosing(choice.of(bus)) as letters:
        async for letter in letters:
            found.append(without_payload(letter))
            if len(found) == limit:
                break
    return found


async def _replay(
    choice: Choice, connection: Connection, *, keep: bool, dry_run: bool, to_all: bool
) -> int:
    """Replay the chosen letters and print their number and readers. Returns the number that failed."""
    good = bad = 0
    readers: dict[str, Sequence[str]] = {}
    would: list[DeadLetter] = []
    async with connection.bus() as bus, aclosing(choice.of(bus)) as letters:
        try:
            async for letter in letters:
                try:
                    if to_all and letter.type_name not in readers:
                        readers[letter.type_name] = await bus.dead_letters.replay_readers(letter)
                    await bus.dead_letters.replay(letter, keep=keep, dry_run=dry_run, to_all=to_all)
                except ReplayError as error:
                    bad += 1
                    status.print(f"dms-events: {visible(str(error))}", markup=False)
                    continue
                good += 1
                if dry_run:
                    would.append(without_payload(letter))
        except TransportError:
            if good and not dry_run:
                out.print(f"replayed {counted(good)} before the error")
            raise
    if would:
        print_columns(table(would))
    whom = f" to {_everybody(readers)}" if to_all else ""
    out.print(f"{'would replay' if dry_run else 'replayed'} {counted(good)}{whom}")
    return bad


def _everybody(readers: Mapping[str, Sequence[str]]) -> str:
    """Return a text with the readers that a replay to all reaches, by the replayed types."""
    names = sorted({name for found in readers.values() for name in found})
    return visible(
        f"all readers: {', '.join(names) or 'no durable'}, and the readers without a durable"
    )


async def _drop(letters: list[DeadLetter], connection: Connection) -> None:
    dropped = 0
    async with connection.bus() as bus:
        try:
            for letter in letters:
                dropped += await bus.dead_letters.drop(letter)
        finally:
            out.print(f"dropped {counted(dropped)}")
