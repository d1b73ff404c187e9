"""Databases with chosen events for the report, and its page as a browser reads it."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from dms_events.report import write_report
from dms_events.sink import document_of
from dms_events.types.elk_stats import (
    NewDeviceOnboarded,
    NewService,
    NtxPayment,
    ServiceCall,
    ServiceStatus,
)
from tests.kit.documents.messages import Message

SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, type TEXT NOT NULL, time TEXT NOT NULL,
                        index_name TEXT NOT NULL, body TEXT NOT NULL CHECK (json_valid(body)))
"""
START = datetime(2026, 5, 4, 6, 30, 15, 250_000, tzinfo=UTC)
Event = tuple[datetime, msgspec.Struct]


def store(path: Path, events: list[Event]) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute(SCHEMA)
        for n, (time, event) in enumerate(events):
            message = Message(
                event,
                id=f"id-{n}",
                source="12D3KooWNode",
                transport_source="12D3KooWNode",
                time_text=text(time),
                stored_ns=int(time.timestamp() * 1e9),
            )
            document = document_of(message)
            row = (document.id, document.type_name, text(document.time), document.index)
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?)", (*row, document.body.decode())
            )
    connection.close()
    return path


def text(time: datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def onboarded(peer: str, cpu: float = 8000, ram: float = 16384) -> NewDeviceOnboarded:
    return NewDeviceOnboarded(
        peer_id=peer, cpu=cpu, ram=ram, network=100, dedicated_time=24, timestamp=0
    )


def service(id: str, name: str) -> NewService:
    return NewService(service_id=id, service_name=name, service_description="", timestamp=0)


def call(id: float, status: str = "accepted", service: str = "s", host: str = "h") -> ServiceCall:
    return ServiceCall(
        call_id=id,
        peer_id_of_service_host=host,
        service_id=service,
        cpu_used=1,
        max_ram=1,
        memory_used=1,
        network_bw_used=1,
        time_taken=1,
        status=status,
        amount_of_ntx=1,
        timestamp=0,
    )


def status(id: float, status: str, service: str = "s", host: str = "h") -> ServiceStatus:
    return ServiceStatus(
        call_id=id, peer_id_of_service_host=host, service_id=service, status=status, timestamp=0
    )


def payment(ntx: int, outcome: str) -> NtxPayment:
    return NtxPayment(
        call_id=1,
        service_id="s",
        amount_of_ntx=ntx,
        peer_id="p",
        success_fail_status=outcome,
        timestamp=0,
    )


class Page(HTMLParser):
    """What a browser makes of the page: its text, its attributes, its scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.policy = ""
        self._charts: dict[str, int] = {}
        self._tag = ""
        self._heading = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"] or ""
        if tag == "script":
            self.scripts.append("")
        if (name := dict(attrs).get("id") or "").startswith("chart-"):
            self._charts[self._heading] = int(name.removeprefix("chart-"))

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "script":
            self.scripts[-1] += data
        elif self._tag != "style" and data.strip():
            self.texts.append(data.strip())
            if self._tag == "h2":
                self._heading = data.strip()

    def tile(self, name: str) -> str:
        return self.texts[self.texts.index(name) + 1]

    @property
    def specs(self) -> list[dict[str, Any]]:
        specs: list[dict[str, Any]] = json.loads(self.scripts[0])
        return specs

    def drawn(self, heading: str) -> list[dict[str, Any]]:
        """The data of the picture under this heading."""
        rows: list[dict[str, Any]] = self.specs[self._charts[heading]]["data"]["values"]
        return rows


def report(path: Path, events: list[Event], **options: Any) -> Page:
    out = path / "report.html"
    write_report(store(path / "events.db", events), out, **options)
    return Page(out.read_text(encoding="utf-8"))
