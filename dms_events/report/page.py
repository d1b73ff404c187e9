"""The page: tiles, charts and a table, put into ``page.html`` with the scripts that draw the charts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

import msgspec

from .charts import Spec
from .panels import Figures, Panel, panels_of
from .texts import clock

__all__ = ["render"]

_SCRIPTS = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")


def render(figures: Figures | None, *, title: str, made: int) -> str:
    """Return the whole page; without ``figures`` it says that there are none yet.

    ``made`` is the time of the report, in Unix seconds.
    """
    package = files(__package__)
    scripts = "\n".join(
        _script((package / "vendor" / name).read_text(encoding="utf-8")) for name in _SCRIPTS
    )
    specs: list[Spec] = []
    if figures is None:
        span = "no events yet"
        body = (
            '<p class="nothing">There is nothing here yet: no event has been stored. '
            "Make the report again once some have.</p>"
        )
    else:
        panels = panels_of(figures)
        specs = [panel.spec for panel in panels if panel.spec]
        first, last = min(t.first for t in figures.types), max(t.last for t in figures.types)
        span = f"{clock(first)} to {clock(last)} UTC"
        body = f'{_tiles(figures)}\n<div class="panels">{_figures(panels)}</div>\n{_table(figures)}'
    return Template((package / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        span=span,
        made=clock(made),
        body=body,
        # No text of an event can end the script that holds it.
        specs=msgspec.json.encode(specs).decode().replace("<", "\\u003c"),
        scripts=scripts if specs else "",
    )


def _script(text: str) -> str:
    text = re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE)
    text = re.sub("<(?=/script|script|!--)", r"\\x3c", text, flags=re.IGNORECASE)
    return f"<script>{text}</script>"


def _tiles(figures: Figures) -> str:
    calls: Counter[str] = Counter()
    for row in figures.calls:
        calls[row.status] += row.calls
    status, most = calls.most_common(1)[0] if calls else ("", 0)
    paid = sum(row.ntx for row in figures.payments if row.success)
    failed = sum(row.payments for row in figures.payments if not row.success)
    payments = sum(row.payments for row in figures.payments)
    removed = f", {figures.services.removed:,} removed" if figures.services.removed else ""
    kinds = len(figures.types)
    tiles = (
        (
            "Events",
            sum(row.documents for row in figures.types),
            f"of {kinds} type{'s'[: kinds > 1]}",
        ),
        ("Devices", sum(row.devices for row in figures.growth), "onboarded"),
        ("Services", figures.services.registered, f"registered{removed}"),
        (
            "Service calls",
            calls.total(),
            f"{most / calls.total():.1%} {escape(status) or 'without a status'}" if calls else "",
        ),
        ("NTX paid", paid, f"{failed:,} of {payments:,} payments failed" if payments else ""),
    )
    items = "".join(
        f"<div><dt>{name}</dt><dd>{count:,}<small>{note}</small></dd></div>"
        for name, count, note in tiles
    )
    return f'<dl class="tiles">{items}</dl>'


def _figures(panels: Sequence[Panel]) -> str:
    texts = []
    charts = 0
    for panel in panels:
        if panel.spec:
            drawing = f'{panel.legend}<div class="chart" id="chart-{charts}"></div>'
            charts += 1
        else:
            drawing = '<p class="nothing">No such events yet.</p>'
        texts.append(
            f'<figure class="{panel.width}"><h2>{panel.heading}</h2>{drawing}'
            f"<figcaption>{panel.caption}</figcaption></figure>"
        )
    return "\n".join(texts)


def _table(figures: Figures) -> str:
    most = max(row.documents for row in figures.types)
    rows = "".join(
        f"<tr><td>{escape(row.name)}</td><td>{row.documents:,}</td>"
        f'<td><i style="width:{100 * row.documents / most:.1f}%"></i></td>'
        f"<td>{clock(row.first)}</td><td>{clock(row.last)}</td></tr>"
        for row in figures.types
    )
    return (
        '<section class="table"><h2>Documents by type</h2><table><thead><tr><th>type</th>'
        "<th>documents</th><th></th><th>first, UTC</th><th>last, UTC</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )
