"""``dms-events audit``: compare the events of a stream with the documents of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
import typer

from ..audit import FAULTS, Audit, Finding, Month, Reason, Summary
from ..errors import ConfigError
from ..sink import Inventory, SupportsInventory
from ..urls import scheme_of, sink_for
from ._connection import Connection, connects
from ._elasticsearch_options import ElasticsearchStore, elasticsearch_options
from ._opening import url_of
from ._running import run
from ._schemes import Nats
from ._shared import TypesOption, out, print_columns, status, visible, visible_json
from ._sink import FROM, storable

__all__ = ["DurableOption", "StoreOption", "audit", "inventory_of"]

_LISTED: Final = 100
_SHOWN: Final = 60
_SAID: Final = {
    Reason.WAITING: "not delivered to {durable} yet",
    Reason.UNSETTLED: "delivered to {durable}, and not settled yet",
    Reason.DEAD_LETTER: "dead letter of {durable}",
    Reason.OTHER_TYPES: "{durable} does not read this type",
    Reason.NO_DURABLE: "there is no durable {durable}",
    Reason.ACKNOWLEDGED: "acknowledged by {durable}, and not in the store",
    Reason.OLDER: "from before the first message of the stream",
    Reason.NOT_IN_STREAM: "not in the stream: deleted there, or never in it",
}

_COLUMN: Final = {Reason.OLDER: "older", Reason.NOT_IN_STREAM: "surplus"}
"""The column that counts a reason, if it is not ``missing``."""

StoreOption = Annotated[
    str,
    typer.Option(
        "--to",
        envvar="DMS_EVENTS_SINK",
        help="Store of the events: sqlite:FILE, or the URL of an Elasticsearch server.",
    ),
]
DurableOption = Annotated[
    str, typer.Option(help="Name of the reader that fills the store.", metavar="NAME")
]


@connects(Nats, beside=(ElasticsearchStore,), url=FROM)
def audit(
    connection: Connection,
    to: StoreOption = "sqlite:events.db",
    durable: DurableOption = "dms-events-sink",
    type_: TypesOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare the documents too, field by field.")
    ] = False,
    trust: Annotated[
        list[str] | None,
        typer.Option(metavar="ROOT", help="As of `sink run`; only --deep needs it."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Most differences that are listed; 0 is no limit.",
            show_default=f"{_LISTED}; with --json no limit",
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print each difference as a line of JSON, then the figures."),
    ] = False,
) -> None:
    """Compare the events of a stream with the documents of a store.

    These are all events that the stream still holds, and all documents. The options are those of the
    `sink run` that fills the store. Both ends are only read, and the reader's position stays as it is.
    Events that wait for the reader, and documents that are older than the stream, are counted and are no
    difference.

    The exit code is 0 if nothing differs, 1 if something does, and 2 if the comparison failed.
    """
    patterns = storable(type_)
    inventory = inventory_of(connection, to)
    settings = {"durable": durable, "patterns": patterns, "trust": trust or [], "deep": deep}
    most = (None if json else _LISTED) if limit is None else limit or None
    equal = run(_audited(connection, inventory, settings, most, json))
    raise typer.Exit(0 if equal else 1)


def inventory_of(connection: Connection, to: str) -> AbstractAsyncContextManager[Inventory]:
    """Return the documents of the store at a URL, to read in ``async with``.

    Raises:
        ConfigError: no documents can be looked up there, or an option does not fit.
    """
    with url_of("to"):
        sink = sink_for(to, **elasticsearch_options(connection.given, to, ElasticsearchStore))
    if not isinstance(sink, SupportsInventory):
        raise ConfigError("--to", f"no documents can be looked up in {scheme_of(to)}:")
    return _opened(sink.inventory())


@asynccontextmanager
async def _opened(opening: AbstractAsyncContextManager[Inventory]) -> AsyncIterator[Inventory]:
    async with AsyncExitStack() as stack:
        with url_of("to"):
            inventory = await stack.enter_async_context(opening)
        yield inventory


async def _audited(
    connection: Connection,
    opening: AbstractAsyncContextManager[Inventory],
    settings: dict[str, Any],
    most: int | None,
    json: bool,
) -> bool:
    with status.status("connecting") as shown:
        async with (
            opening as inventory,
            connection.bus() as bus,
            Audit(bus, inventory, progress=shown.update, **settings) as audit,
        ):
            summary = await audit.run()
            shown.stop()
            if json:
                _print_json(summary, islice(audit.findings(), most))
            else:
                _print(summary, audit.findings(), most, settings["durable"], settings["deep"])
    return not summary.faults


def _print_json(summary: Summary, findings: Iterable[Finding]) -> None:
    for finding in findings:
        out.print(visible_json(msgspec.json.encode(finding).decode()), markup=False)
    figures = msgspec.to_builtins(summary)
    figures["months"] = dict(sorted(figures["months"].items()))
    last = {"equal": not summary.faults, **figures}
    out.print(visible_json(msgspec.json.encode(last).decode()), markup=False)


def _print(
    summary: Summary, findings: Iterator[Finding], most: int | None, durable: str, deep: bool
) -> None:
    columns = [name for name in Month.__struct_fields__ if deep or name != "altered"]
    rows = [
        [month, *(f"{getattr(figures, name):,}" for name in columns)]
        for month, figures in sorted(summary.months.items())
    ]
    print_columns([["month", *columns], *rows])
    for reason, count in sorted(summary.reasons.items(), key=lambda each: each[0].value):
        kind = _COLUMN.get(reason, "missing")
        fault = "" if reason in FAULTS else " (no fault)"
        said = _SAID[reason].format(durable=durable)
        out.print(f"{count:,} {kind}: {said}{fault}", markup=False)
    if summary.unreadable:
        out.print(f"{summary.unreadable:,} messages are no events, so no document is expected")
    if summary.for_others:
        out.print(f"{summary.for_others:,} replays of dead letters are for other readers")
    listed = list(islice(findings, most))
    print_columns([row for finding in listed for row in _rows(finding, durable)])
    if (left := summary.faults - len(listed)) > 0:
        out.print(f"and {left:,} more (--limit 0 lists all)")
    word = "difference" if summary.faults == 1 else "differences"
    out.print(f"{summary.faults:,} {word}" if summary.faults else "equal")


def _rows(finding: Finding, durable: str) -> Iterator[list[str]]:
    said = ""
    if finding.reason is not None:
        said = finding.detail or _SAID[finding.reason].format(durable=durable)
    place = f"at {finding.sequence}" if finding.sequence else ""
    text = "  ".join(filter(None, (place, said)))
    yield [finding.kind, visible(finding.id), " ".join(finding.indices), visible(text)]
    for path, (expected, found) in finding.fields.items():
        yield ["", "", visible(path), f"{_cut(expected)} in the stream, {_cut(found)} in the store"]


def _cut(json: str) -> str:
    text = visible(json) or "nothing"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
