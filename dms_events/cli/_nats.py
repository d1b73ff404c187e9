"""``dms-events nats setup``: apply or check declared streams and durables."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import typer

from ..errors import ConfigError
from ._connection import Connection, connects
from ._differences import print_differences
from ._running import run
from ._schemes import Nats, option
from ._shared import out, visible

__all__ = ["app"]

app = typer.Typer(
    help="Set up the streams and durables (named readers) of a NATS server.", no_args_is_help=True
)

_ROOT: Final = (
    Annotated[
        str | None,
        option(
            "Connection",
            "--root",
            "First part of the subjects under which events are published.",
            default="the file's, else dms",
        ),
    ],
    None,
)


@app.callback()
def _group() -> None:
    pass


@app.command()
@connects(Nats, root=_ROOT)
def setup(
    connection: Connection,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="TOML file with the declared settings; docs/nats.md describes it.",
            show_default="the two streams with their defaults",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing, and exit with 1 if anything differs.")
    ] = False,
    monitoring_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="http://HOST:8222",
            help="With --check: monitoring URL of a server, to ask what a power cut may lose. May be "
            "repeated, for a cluster.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Overwrite also the settings that somebody changed on the server."
        ),
    ] = False,
    storage: Annotated[
        Literal["file", "memory"] | None, typer.Option(help="Storage of both streams.")
    ] = None,
    replicas: Annotated[int | None, typer.Option(help="Number of copies of both streams.")] = None,
    duplicate_window: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Time for which both streams recognize duplicates."),
    ] = None,
    max_messages: Annotated[
        int | None, typer.Option(help="Most messages in the events stream; -1 is no limit.")
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(help="Most bytes in the events stream; -1 is no limit.")
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Age limit of the events stream; 0 is no limit."),
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(help="Partitions of the events stream; 0 is none.")
    ] = None,
) -> None:
    """Apply the declared settings to the streams and durables of a server.

    Missing streams and durables are made. A setting is updated if it still has the value that was applied
    last. A setting that somebody else changed on the server is left as it is, and printed. A setting that
    is not declared is never changed. Options take precedence over the file.

    The exit code is 1 if a change was refused (other types of a durable, for example), and with
    `--check` if anything is not as declared. An error in the file or from the server is printed as one
    line on stderr, and the exit code is 1 too.
    """
    from dms_events_nats import NatsSetup, apply_setup, check_setup

    if monitoring_url and not check:
        raise ConfigError("--monitoring-url", "needs --check")
    declared = NatsSetup() if file is None else NatsSetup.load(file)
    both = _given(storage=storage, replicas=replicas, duplicate_window_s=duplicate_window)
    limits = _given(max_messages=max_messages, max_bytes=max_bytes, max_age_s=max_age)
    declared = msgspec.structs.replace(
        declared,
        **_given(root=connection.root),
        events=msgspec.structs.replace(
            declared.events, **both, **limits, **_given(partitions=partitions)
        ),
        dead=msgspec.structs.replace(declared.dead, **both),
    )
    url, options = connection.url, connection.of(Nats).server_options()
    if check:
        found = run(check_setup(url, declared, **options))
    else:
        found = run(apply_setup(url, declared, overwrite=overwrite, **options))
    print_differences(found)
    if check:
        _print_sync(monitoring_url or (), options.get("tls"))
    failed = found if check else [d for d in found if d.state == "refused"]
    raise typer.Exit(1 if failed else 0)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _print_sync(monitoring: Sequence[str], tls: ssl.SSLContext | None) -> None:
    from dms_events_nats import read_sync_policy

    if not monitoring:
        out.print(
            "sync_interval: not known (--monitoring-url http://HOST:8222 asks the server); by default a "
            "power cut may lose acknowledged events"
        )
    for url in monitoring:
        policy = run(read_sync_policy(url, tls=tls))
        if policy.always:
            found = "always: a power cut loses no acknowledged event"
        elif policy.interval_s is None:
            found = "not known: the server does not report it"
        else:
            found = (
                f"{policy.interval_s:g} s: a power cut may lose events acknowledged within that time; "
                "sync_interval: always, in the server's block jetstream, loses none"
            )
        out.print(f"sync_interval of {visible(policy.server)}: {found}", markup=False)
