"""What the front door offers, and what walking through it does not bring in."""

from __future__ import annotations

import json
import subprocess
import sys

import dms_events

NAMES = [
    "Bus",
    "ConfigError",
    "ConnectionLostError",
    "DeadLetter",
    "DecodeError",
    "DmsEventsError",
    "EncodeError",
    "Envelope",
    "ExtraNotInstalledError",
    "Forwarder",
    "HandlerError",
    "Message",
    "OutgoingMessage",
    "PublishError",
    "Reject",
    "ReplayError",
    "SinkBrokenError",
    "SinkError",
    "Subscription",
    "Tally",
    "TransportError",
    "UnknownTypeError",
    "Worker",
    "WorkerTally",
    "connect",
    "decode",
    "encode",
    "sink_for",
]
MODULES = "import dms_events, json, sys; {}; print(json.dumps(sorted(sys.modules)))"
HEAVY = {
    "dms_events_nats",
    "dms_events_sqlite",
    "dms_events_elasticsearch",
    "nats",
    "elasticsearch",
    "typer",
    "rich",
    "psutil",
    "pyrage",
    "sqlite3",
    "aiohttp",
}


def loaded_after(code: str) -> set[str]:
    """The top-level modules of a new process that imports dms_events and runs ``code``."""
    run = subprocess.run(
        [sys.executable, "-c", MODULES.format(code)], check=True, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


def test_the_public_names_are_these_and_sorted() -> None:
    assert dms_events.__all__ == NAMES
    assert sorted(NAMES) == NAMES
    assert all(hasattr(dms_events, name) for name in NAMES)


def test_importing_brings_in_no_adapter_and_no_client() -> None:
    assert not loaded_after("pass") & HEAVY


def test_the_memory_transport_and_the_types_need_none_of_them_either() -> None:
    code = "import dms_events.types.elk_stats; dms_events.connect('memory://')"
    assert not loaded_after(code) & HEAVY


def test_a_url_brings_in_its_adapter_alone() -> None:
    loaded = loaded_after("dms_events.connect('nats://127.0.0.1:1')") & HEAVY
    assert loaded - {"aiohttp"} == {"dms_events_nats", "nats"}
