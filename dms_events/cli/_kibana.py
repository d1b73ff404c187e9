"""``dms-events kibana``: the dashboards as a file, installed, compared, and as searches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ..errors import ConfigError
from ._running import run
from ._shared import out, print_columns, visible

if TYPE_CHECKING:
    from dms_events_kibana import Kibana, Outcome

__all__ = ["app"]

app = typer.Typer(
    help="Install dashboards of the stored events into Kibana, or write them to a file.",
    no_args_is_help=True,
)

_Prefix = Annotated[
    str,
    typer.Option(
        "--prefix", envvar="DMS_EVENTS_PREFIX", help="First part of the names of the indices."
    ),
]


@app.command()
def export(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="The file.  [default: standard output]"),
    ] = None,
    prefix: _Prefix = "dms",
) -> None:
    """Write the data view and the dashboards as NDJSON, for Kibana 8.9 or newer.

    In Kibana: Stack Management, Saved Objects, Import.
    """
    from dms_events_kibana import dumps, objects

    ndjson = dumps(objects(prefix))
    if to is None:
        print(ndjson.decode(), end="")
        return
    try:
        to.write_bytes(ndjson)
    except OSError as error:
        raise ConfigError("--to", f"{to}: {error.strerror or error}") from error
    out.print(str(to), markup=False)


@app.command()
def install(
    url: Annotated[
        str, typer.Option("--url", envvar="DMS_EVENTS_KIBANA_URL", help="Where Kibana is.")
    ] = "http://127.0.0.1:5601",
    space: Annotated[
        str,
        typer.Option(
            "--space",
            envvar="DMS_EVENTS_KIBANA_SPACE",
            help="Id of a space.  [default: Kibana's default space]",
        ),
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing, and tell what was changed by hand.")
    ] = False,
    prefix: _Prefix = "dms",
    wait: Annotated[
        float,
        typer.Option(
            "--wait", metavar="SECONDS", min=0, help="Wait for a Kibana that is starting."
        ),
    ] = 0.0,
    api_key: Annotated[
        str,
        typer.Option(
            "--api-key",
            envvar="DMS_EVENTS_KIBANA_API_KEY",
            help="Encoded API key; other users of this machine see an option, but no variable.",
        ),
    ] = "",
    user: Annotated[
        str,
        typer.Option("--user", envvar="DMS_EVENTS_KIBANA_USER", help="Instead of an API key."),
    ] = "",
    password: Annotated[
        str,
        typer.Option(
            "--password", envvar="DMS_EVENTS_KIBANA_PASSWORD", help="Of the user; see --api-key."
        ),
    ] = "",
    ca_certs: Annotated[
        Path | None,
        typer.Option(
            "--ca-certs",
            envvar="DMS_EVENTS_KIBANA_CA_CERTS",
            help="The CA that signed Kibana's certificate.",
        ),
    ] = None,
) -> None:
    """Import the dashboards into a Kibana, in place of older ones, and read them back.

    Exits with 1 where Kibana has something else than was installed, and with `--check` where somebody
    changed something. A Kibana that stores the objects in a newer form may have changed them itself.
    """
    from dms_events_kibana import Kibana

    kibana = Kibana(
        url,
        space=space,
        api_key=api_key,
        basic_auth=(user, password) if user else None,
        ca_certs=ca_certs,
    )
    outcome = run(_installed(kibana, check, prefix, wait))
    _print(outcome, check, f"{kibana.url}/app/dashboards#/view/{prefix}-overview")
    raise typer.Exit(1 if outcome.differences and (check or not outcome.converted) else 0)


@app.command()
def queries(prefix: _Prefix = "dms") -> None:
    """Print what each panel asks of Elasticsearch, as searches for Kibana's Dev Tools."""
    from dms_events_kibana import all_dashboards, request

    for dashboard in all_dashboards():
        for panel in dashboard.panels():
            body = msgspec.json.format(msgspec.json.encode(request(panel.data)), indent=1).decode()
            out.print(f"# {dashboard.title}: {panel.title}", markup=False)
            out.print(f"POST {prefix}-elk_stats.*/_search\n{body}\n", markup=False)


async def _installed(kibana: Kibana, check_only: bool, prefix: str, wait_s: float) -> Outcome:
    from dms_events_kibana import check, install

    async with kibana:
        work: Any = check if check_only else install
        outcome: Outcome = await work(kibana, prefix=prefix, wait_s=wait_s)
        return outcome


def _print(outcome: Outcome, check: bool, place: str) -> None:
    if outcome.differences:
        rows = [("dashboard", "panel", "setting", "ours", "there")]
        for one in outcome.differences:
            found = (one.object, one.panel, one.setting, one.ours, one.theirs)
            rows.append(tuple(map(visible, found)))  # type: ignore[arg-type]
        print_columns(rows)
        if outcome.converted:
            out.print(
                "this Kibana stores dashboards in a newer form: it may have changed them itself"
            )
        return
    name = f"Kibana {visible(outcome.version)}" if outcome.version else "Kibana"
    done = "has the dashboards as they were installed" if check else "has the dashboards"
    out.print(f"{name} {done}: {place}", markup=False)
