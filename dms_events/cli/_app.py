"""The commands put together, and the options that all of them share."""

from __future__ import annotations

import logging
import os
from typing import Annotated

import typer

from . import _dead, _demo, _explain, _nats, _publish, _report, _sink, _tail, _types, _worker

__all__ = ["app"]

app = typer.Typer(
    name="dms-events",
    help="Typed events of NuNet's Device Management Service: publish, read and store them.\n\n"
    "New here? `dms-events demo` shows the whole way in a minute, without any server of yours.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show debug logs, and a traceback with an error.")
    ] = False,
) -> None:
    if debug:
        os.environ["DMS_EVENTS_DEBUG"] = "1"
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s %(message)s"
    )
    if not debug:  # it warns of each end of a TLS connection
        logging.getLogger("asyncio").setLevel(logging.ERROR)


app.command("demo")(_demo.demo)
app.command("publish")(_publish.publish)
app.command("tail")(_tail.tail)
app.command("worker")(_worker.worker)
app.add_typer(_sink.app, name="sink")
app.add_typer(_dead.app, name="dead")
app.add_typer(_nats.app, name="nats")
app.command("report")(_report.report)
app.command("explain")(_explain.explain)
app.command("types")(_types.types)
app.command("version")(_types.version)
