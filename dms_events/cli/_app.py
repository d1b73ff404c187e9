"""The group of all commands, and the options that all commands share."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

__all__ = ["COMMANDS", "app"]

COMMANDS: Final = {
    "demo": ("_demo:demo", "Show the whole path of an event in a minute, with a real NATS server."),
    "publish": ("_publish:publish", "Publish events that are given as JSON."),
    "tail": (
        "_tail:tail",
        "Print events as they arrive: time, type, source, identity and JSON.",
    ),
    "worker": (
        "_worker:worker",
        "Run a worker, which calls your handlers with events, until Ctrl-C or SIGTERM.",
    ),
    "sink": ("_sink_commands:app", "Store events in SQLite, Elasticsearch or files."),
    "record": (
        "_record:record",
        "Write events into a file, as lines of JSON, until Ctrl-C or SIGTERM.",
    ),
    "audit": (
        "_audit:audit",
        "Compare the events of a stream with the documents of a store.",
    ),
    "trace": (
        "_trace:trace_",
        "Tell where one event is now: in the stream, at a reader, in the dead letters, in a store.",
    ),
    "relay": (
        "_relay:relay",
        "Store on NATS the events that libp2p nodes publish, until Ctrl-C or SIGTERM.",
    ),
    "dead": (
        "_dead:app",
        "List, show, replay and drop dead letters: messages that a reader gave up.",
    ),
    "nats": ("_nats:app", "Set up the streams and durables (named readers) of a NATS server."),
    "elasticsearch": (
        "_elasticsearch:app",
        "Set up an Elasticsearch server for the stored events.",
    ),
    "libp2p": ("_libp2p:app", "Make a libp2p node's key, ping nodes, and list peers."),
    "kibana": (
        "_kibana:app",
        "Install dashboards of the stored events into Kibana, or write them to a file.",
    ),
    "report": (
        "_report:report",
        "Write an HTML page about the events in a SQLite file; the page needs no network.",
    ),
    "explain": (
        "_explain:explain",
        "Explain how a JSON document is read, and whether Go reads the same.",
    ),
    "types": (
        "_types:types",
        "List the types, or show the fields of one type with their Go types and units.",
    ),
    "version": ("_types:version", "Print the version."),
}
"""The place and the help text of each command. A command is imported only when it is called."""

_LOOK: Final[dict[str, Any]] = {
    "add_completion": False,
    "rich_markup_mode": "markdown",
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class _Commands(TyperGroup):
    """Imports only the module of the command that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the called command, and put it in the place of its stand-in."""
        name = args[0]
        if name in COMMANDS:
            module, _, attribute = COMMANDS[name][0].partition(":")
            found = getattr(import_module(f".{module}", __package__), attribute)
            alone = typer.Typer(**_LOOK)
            if isinstance(found, typer.Typer):
                alone.add_typer(found, name=name)
            else:
                alone.command(name)(found)
            self.commands[name] = get_group(alone).commands[name]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="dms-events",
    cls=_Commands,
    help="Publish, read, handle and store the events of NuNet's Device Management Service (DMS).\n\n"
    "New here? `dms-events demo` shows the whole path of an event in a minute. It needs no server of "
    "yours.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    **_LOOK,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from ._types import version

        version()
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show debug logs, and a traceback with an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    if debug:
        os.environ["DMS_EVENTS_DEBUG"] = "1"
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s %(message)s"
    )
    if not debug:  # asyncio warns of each end of a TLS connection
        logging.getLogger("asyncio").setLevel(logging.ERROR)


def _not_imported_yet() -> None:
    """Stands in the help for a command; `_Commands` puts the command in its place before a call."""
    raise NotImplementedError


for _name, (_, _help) in COMMANDS.items():
    app.command(_name, help=_help)(_not_imported_yet)
