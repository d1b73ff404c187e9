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
    help="Dead letters: what could not be read, handled or stored, with the reason.",
    no_args_is_help=True,
)

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID",
        help="Numbers of letters, or identities of events, as `dead list` shows them.",
        show_default=False,
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="All dead letters there are.", rich_help_panel="Which")
]
JsonOption = Annotated[bool, typer.Option("--json", help="A JSON document a line.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
]


@app.command("list")
@connects(Nats, first=(Filters,))
def list_(
    connection: Connection,
    limit: Annotated[int, typer.Option(min=0, help="Not more than so many; 0 is all.")] = 0,
    each: Annotated[
        bool, typer.Option("--each", help="Every letter, also where many have one cause.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List dead letters, oldest first; of many with one cause the first, and how many more there are.

    A cause is one reader, type and error, with reasons that differ in numbers and quoted words only.
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
        str, typer.Argument(help="A letter's number, or an event's identity, as in `dead list`.")
    ],
    json: JsonOption = False,
    reveal: RevealOption = False,
) -> None:
    """Show a dead letter, or those of one event, with the event and the original bytes."""
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
    keep: Annotated[bool, typer.Option("--keep", help="Do not drop them afterwards.")] = False,
    to_all: Annotated[
        bool, typer.Option("--to-all", help="To every reader of the type, and say to which.")
    ] = False,
) -> None:
    """Publish the originals of dead letters again, under their identities, and drop the letters.

    Mend the reader first. Each event is handled by the reader that gave it up. Other durables of this
    library pass over it; readers of other software get it like any event. What cannot be replayed is
    named and stays; the exit code is 1 then.
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

    The originals stay in the events stream for as long as that keeps them.
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
            reason = (
                f"{counted(len(letters))} would be gone for good; add --yes, or --dry-run to see"
            )
            raise ConfigError("drop", reason)
        typer.confirm(f"Drop {counted(len(letters))} for good?", abort=True, err=True)
    run(_drop(letters, connection))


def _check_said(choice: Choice, everything: bool, command: str) -> None:
    if choice.unlimited and not everything:
        raise ConfigError(command, "say which: an ID, a filter such as --reader, or --all")


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
                out.print(f"replayed {counted(good)} before that")
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
        f"all readers: {', '.join(names) or 'no durable'}, and who reads without a durable"
    )


async def _drop(letters: list[DeadLetter], connection: Connection) -> None:
    dropped = 0
    async with connection.bus() as bus:
        try:
            for letter in letters:
                dropped += await bus.dead_letters.drop(letter)
        finally:
            out.print(f"dropped {counted(dropped)}")
