"""What the front door offers, and what walking through it does not bring in."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import dms_events
from dms_events.cli._app import COMMANDS, app

NAMES = [
    "Again",
    "BadReplyError",
    "Bus",
    "ConfigError",
    "ConnectionLostError",
    "Dead",
    "DeadLetter",
    "DecodeError",
    "Discarded",
    "DmsEventsError",
    "Done",
    "DroppedError",
    "EncodeError",
    "Envelope",
    "ExtraNotInstalledError",
    "Forwarder",
    "HandlerError",
    "Message",
    "NoResponderError",
    "OutgoingMessage",
    "PublishError",
    "Reject",
    "Relay",
    "RelayTally",
    "ReplayError",
    "RequestError",
    "RequestTimeoutError",
    "Responder",
    "ResponderError",
    "SinkBrokenError",
    "SinkError",
    "Stats",
    "Subscription",
    "TransportError",
    "UnknownTypeError",
    "Worker",
    "connect",
    "decode",
    "encode",
    "sink_for",
]
MODULES = "import dms_events, json, sys\n{}\nprint(json.dumps(sorted(sys.modules)))"
HEAVY = {
    "dms_events_nats",
    "dms_events_sqlite",
    "dms_events_file",
    "dms_events_elasticsearch",
    "dms_events_kibana",
    "nats",
    "elasticsearch",
    "typer",
    "rich",
    "psutil",
    "pyrage",
    "sqlite3",
    "aiohttp",
    "dms_events_libp2p",
    "libp2p",
    "trio",
    "multiaddr",
    "pytest",
}


def modules_after(code: str) -> set[str]:
    """The modules of a new process that imports dms_events and runs ``code``."""
    run = subprocess.run(
        [sys.executable, "-c", MODULES.format(code)], check=True, capture_output=True, text=True
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


def loaded_after(code: str) -> set[str]:
    """The top-level ones of them."""
    return {name.partition(".")[0] for name in modules_after(code)}


def test_the_public_names_are_these_and_sorted() -> None:
    assert dms_events.__all__ == NAMES
    assert sorted(NAMES) == NAMES
    assert all(hasattr(dms_events, name) for name in NAMES)
    assert set(NAMES) <= set(dir(dms_events))
    with pytest.raises(AttributeError, match="no attribute 'Buss'"):
        _ = dms_events.Buss  # type: ignore[attr-defined]


def test_each_public_name_is_that_of_the_room_which_a_type_checker_is_told() -> None:
    tree = ast.parse(Path(dms_events.__file__).read_text())
    told = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    rooms = {name.name: node.module for node in told for name in node.names}
    del rooms["escape_log"]
    assert sorted(rooms) == NAMES
    for name, room in rooms.items():
        module = importlib.import_module(f"dms_events.{room}")
        assert getattr(dms_events, name) is getattr(module, name)


def test_a_room_is_imported_when_a_name_of_it_is_used() -> None:
    assert not loaded_after("pass") & {"asyncio", "msgspec"}
    types = modules_after("import dms_events.types.elk_stats")
    assert "msgspec" in types
    assert not types & {"asyncio", "dms_events.bus", "dms_events.codec", "dms_events.worker"}
    codec = modules_after("from dms_events import decode, encode")
    assert not codec & {"asyncio", "dms_events.bus", "dms_events.worker"}
    assert "dms_events.bus" in modules_after("dms_events.Bus")


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        ("--help", {"asyncio", "msgspec"}),
        ("version", {"dms_events.bus", "rich.markdown"}),
        ("types ServiceCall", {"dms_events.bus", "rich.markdown"}),
        ("explain ServiceCall [] --json", {"dms_events.bus", "rich.markdown"}),
        ("libp2p peers --help", {"dms_events.worker", "dms_events.demo"}),
        ("dead list --url memory://", {"dms_events.worker", "dms_events.demo", "rich.progress"}),
    ],
)
def test_a_command_imports_what_it_uses_alone(words: str, unused: set[str]) -> None:
    assert unused <= modules_after(
        "import asyncio, msgspec, rich.markdown, rich.progress, "
        "dms_events.bus, dms_events.worker, dms_events.demo"
    ), "they are called like this"
    command = f"""
from contextlib import suppress
from dms_events.cli import main
sys.argv = ["dms-events", *{words.split()}]
with suppress(SystemExit): main()
"""
    assert not modules_after(command) & (unused | HEAVY - {"rich", "typer"})


def test_the_help_says_of_each_command_what_the_command_itself_says() -> None:
    group: Any = get_command(app)
    for name, (_, line) in COMMANDS.items():
        assert group.commands[name].get_short_help_str(200) == line
        group.resolve_command(None, [name])
        assert group.commands[name].get_short_help_str(200) == line


def test_importing_brings_in_no_adapter_and_no_client() -> None:
    assert not loaded_after("pass") & HEAVY


def test_the_memory_transport_and_the_types_need_none_of_them_either() -> None:
    code = "import dms_events.types.elk_stats; dms_events.connect('memory://')"
    assert not loaded_after(code) & HEAVY


def test_a_url_brings_in_its_adapter_alone() -> None:
    loaded = loaded_after("dms_events.connect('nats://127.0.0.1:1')") & HEAVY
    assert loaded - {"aiohttp"} == {"dms_events_nats", "nats"}
