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
    from dms_events_kibana import InstallReport, Kibana

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
        typer.Option("--to", metavar="FILE", help="File to write.", show_default="standard output"),
    ] = None,
    prefix: _Prefix = "dms",
) -> None:
    """Write the data view and the dashboards as NDJSON, for Kibana 8.9 or newer.

    To import the file in Kibana: Stack Management, Saved Objects, Import.
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
        str, typer.Option("--url", envvar="DMS_EVENTS_KIBANA_URL", help="URL of Kibana.")
    ] = "http://127.0.0.1:5601",
    space: Annotated[
        str,
        typer.Option(
            "--space",
            envvar="DMS_EVENTS_KIBANA_SPACE",
            help="Id of the Kibana space.",
            show_default="Kibana's default space",
        ),
    ] = "",
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing, and print the changes that somebody made."),
    ] = False,
    prefix: _Prefix = "dms",
    wait: Annotated[
        float,
        typer.Option(
            "--wait", metavar="SECONDS", min=0, help="Longest wait for a Kibana that is starting."
        ),
    ] = 0.0,
    api_key: Annotated[
        str,
        typer.Option(
            "--api-key",
            envvar="DMS_EVENTS_KIBANA_API_KEY",
            help="Encoded API key. Prefer the variable: other users of this machine can see options.",
        ),
    ] = "",
    user: Annotated[
        str,
        typer.Option(
            "--user",
            envvar="DMS_EVENTS_KIBANA_USER",
            help="User with a password, instead of an API key.",
        ),
    ] = "",
    password: Annotated[
        str,
        typer.Option(
            "--password",
            envvar="DMS_EVENTS_KIBANA_PASSWORD",
            help="Password of the user. Prefer the variable.",
        ),
    ] = "",
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            envvar="DMS_EVENTS_KIBANA_PASSWORD_FILE",
            metavar="FILE",
            help="File with the password.",
        ),
    ] = None,
    ca_certs: Annotated[
        Path | None,
        typer.Option(
            "--ca-certs",
            envvar="DMS_EVENTS_KIBANA_CA_CERTS",
            help="File with the CA certificates to trust (PEM).",
        ),
    ] = None,
) -> None:
    """Import the dashboards into a Kibana, in place of older ones, and compare the result.

    The exit code is 1 if Kibana does not have exactly the installed dashboards, and with `--check` if
    somebody changed them. A newer Kibana may convert them to a newer form by itself.
    """
    from dms_events_kibana import Kibana

    if password and password_file:
        raise ConfigError("--password-file", "there is a password, too; give one of them")
    kibana = Kibana(
        url,
        space=space,
        api_key=api_key,
        basic_auth=(user, password_file or password) if user else None,
        ca_certs=ca_certs,
    )
    report = run(_installed(kibana, check, prefix, wait))
    _print(report, check, f"{kibana.url}/app/dashboards#/view/{prefix}-overview")
    raise typer.Exit(1 if report.differences and (check or not report.converted) else 0)


@app.command()
def queries(prefix: _Prefix = "dms") -> None:
    """Print the Elasticsearch query of each panel, in the form of Kibana's Dev Tools."""
    from dms_events_kibana import all_dashboards, search_body

    for dashboard in all_dashboards():
        for panel in dashboard.panels():
            body = msgspec.json.format(
                msgspec.json.encode(search_body(panel.data)), indent=1
            ).decode()
            out.print(f"# {dashboard.title}: {panel.title}", markup=False)
            out.print(f"POST {prefix}-elk_stats.*/_search\n{body}\n", markup=False)


async def _installed(kibana: Kibana, check_only: bool, prefix: str, wait_s: float) -> InstallReport:
    from dms_events_kibana import check, install

    async with kibana:
        work: Any = check if check_only else install
        report: InstallReport = await work(kibana, prefix=prefix, wait_s=wait_s)
        return report


def _print(report: InstallReport, check: bool, place: str) -> None:
    if report.differences:
        rows = [("dashboard", "panel", "setting", "ours", "there")]
        for one in report.differences:
            found = (one.object, one.panel, one.setting, one.ours, one.theirs)
            rows.append(tuple(map(visible, found)))  # type: ignore[arg-type]
        print_columns(rows)
        if report.converted:
            out.print(
                "this Kibana stores dashboards in a newer form: it may have changed them itself"
            )
        return
    name = f"Kibana {visible(report.version)}" if report.version else "Kibana"
    done = "has the dashboards as they were installed" if check else "has the dashboards"
    out.print(f"{name} {done}: {place}", markup=False)
