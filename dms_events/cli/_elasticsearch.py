"""``dms-events elasticsearch setup``: install templates, settings and retention, or check them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ._differences import print_differences
from ._elasticsearch_options import Elasticsearch, elasticsearch_options
from ._given import Given, takes
from ._opening import url_of
from ._running import run
from ._shared import out

if TYPE_CHECKING:
    from dms_events_elasticsearch import ShardCount

__all__ = ["app"]

app = typer.Typer(
    help="Set up an Elasticsearch server for the stored events.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    pass


@app.command()
@takes(Elasticsearch)
def setup(
    given: Given,
    to: Annotated[
        str, typer.Option("--to", envvar="DMS_EVENTS_SINK", help="URL of the server.")
    ] = "http://127.0.0.1:9200",
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            envvar="DMS_EVENTS_PREFIX",
            help="First part of all names. Networks with different prefixes can share a cluster.",
        ),
    ] = "dms",
    retention: Annotated[
        int | None,
        typer.Option(
            "--retention",
            envvar="DMS_EVENTS_ELASTICSEARCH_RETENTION",
            metavar="DAYS",
            help="Days between the end of an index's month and its deletion.",
            show_default="unchanged",
        ),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(
            "--replicas",
            envvar="DMS_EVENTS_ELASTICSEARCH_REPLICAS",
            help="Number of copies of each index; 0 on a single node.",
            show_default="unchanged",
        ),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(
            "--shards",
            envvar="DMS_EVENTS_ELASTICSEARCH_SHARDS",
            help="Number of primary shards of each new index.",
            show_default="unchanged",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing, and exit with 1 if anything differs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, and print what would be changed.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Overwrite also the settings that somebody changed on the server."
        ),
    ] = False,
) -> None:
    """Apply the declared templates, settings and retention to a server.

    A template is installed for each type that may be stored. Existing indices get new fields, aliases and
    settings. A setting of a template that somebody else changed on the server is left as it is, and
    printed. If a change needs a new index, the command says so. Retention, replicas and shards are
    compared and set only if they are given.

    The exit code is 1 if a change was refused, and with `--check` if anything is not as declared.
    """
    from dms_events_elasticsearch import ElasticsearchSetup, apply_setup, check_setup

    declared = ElasticsearchSetup(
        prefix=prefix, shards=shards, replicas=replicas, retention_days=retention
    )
    connection = elasticsearch_options(given, to)
    with url_of("to"):
        if check or dry_run:
            report = run(check_setup(to, declared, **connection))
        else:
            report = run(apply_setup(to, declared, overwrite=overwrite, **connection))
    print_differences(report.differences)
    if report.shards is not None:
        _print_shards(report.shards)
    failed = any(check or one.state == "refused" for one in report.differences)
    raise typer.Exit(1 if failed and not dry_run else 0)


def _print_shards(count: ShardCount) -> None:
    said = f"shards: {count.used} of {count.limit} are used; a month of one type takes {count.each}"
    if count.types:
        said += (
            f", of the {count.types} types that are stored {count.types * count.each}: there is room "
            f"for {count.months_left} months, if no index is deleted"
        )
    out.print(said)
