"""``dms-events trace``: where one event is now."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Final

import msgspec
import typer

from ..audit import State, Trace, trace
from ..identity import rfc3339
from ..sink import Inventory
from ._audit import DurableOption, StoreOption, inventory_of
from ._connection import Connection, connects
from ._elasticsearch_options import ElasticsearchStore
from ._running import run
from ._schemes import Nats
from ._shared import TypesOption, out, print_columns, status, visible, visible_json
from ._sink import FROM, storable

__all__ = ["trace_"]

_SAID: Final = {
    State.NO_DURABLE: "there is no durable {durable}",
    State.FOR_ANOTHER: "a replay for another reader than {durable}",
    State.WAITING: "not delivered to {durable} yet",
    State.UNSETTLED: "delivered to {durable}, and not settled as far as is known",
    State.SETTLED: "acknowledged by {durable}",
}


@connects(Nats, beside=(ElasticsearchStore,), url=FROM)
def trace_(
    connection: Connection,
    id: Annotated[str, typer.Argument(help="ID of the event, or the `_id` of its document.")],
    to: StoreOption = "sqlite:events.db",
    durable: DurableOption = "dms-events-sink",
    type_: TypesOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object of JSON.")] = False,
) -> None:
    """Tell where one event is now: in the stream, at a reader, in the dead letters, in a store.

    No server finds a message by its ID. So the whole stream of the types is read; `--type` narrows it.

    The exit code is 0 if there is anything of the event, 1 if there is nothing, and 2 after an error.
    """
    settings = {"durable": durable, "patterns": storable(type_)}
    found = run(_traced(connection, inventory_of(connection, to), id, settings))
    if json:
        out.print(visible_json(msgspec.json.encode(_figures(found)).decode()), markup=False)
    elif found.found:
        print_columns(_rows(found, durable))
    else:
        out.print(f"nothing is there of {visible(id)}", markup=False)
    raise typer.Exit(0 if found.found else 1)


async def _traced(
    connection: Connection,
    opening: AbstractAsyncContextManager[Inventory],
    id: str,
    settings: dict[str, Any],
) -> Trace:
    with status.status("connecting") as shown:
        async with opening as inventory, connection.bus() as bus:
            return await trace(bus, inventory, id, progress=shown.update, **settings)


def _rows(found: Trace, durable: str) -> list[list[str]]:
    rows = [
        [
            "stream",
            f"at {each.sequence}",
            f"{visible(each.type_name)} stored {rfc3339(each.stored_ns)}",
            _SAID[each.state].format(durable=durable),
        ]
        for each in found.messages
    ]
    rows += [
        [
            "dead letter",
            f"number {letter.number}",
            visible(f"of {letter.reader} after {letter.attempts} attempts"),
            visible(f"{letter.error}: {letter.reason}"),
        ]
        for letter in found.letters
    ]
    rows += [["store", visible(each.index), visible(each.id), ""] for each in found.documents]
    if not found.documents:
        rows.append(["store", "no document", "", ""])
    return rows


def _figures(found: Trace) -> dict[str, Any]:
    letters = [
        {
            name: getattr(letter, name)
            for name in ("number", "reader", "sequence", "attempts", "error", "reason", "buried")
        }
        for letter in found.letters
    ]
    documents = [{"id": each.id, "index": each.index} for each in found.documents]
    return {"stream": found.messages, "dead_letters": letters, "store": documents}
