"""An option belongs to the scheme of a URL; that of another one is an error, and never ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

import dms_events
from dms_events.cli._libp2p_options import Libp2p
from dms_events_nats import NatsServer
from tests.kit.extras import require_libp2p
from tests.kit.programs.command import answer, complaint
from tests.kit.programs.processes import CLI, run
from tests.kit.storing import call

CALL = dms_events.encode(call(1)).decode()
NODE = ("--url", "libp2p://127.0.0.1:0")
NOBODY = "nats://127.0.0.1:1"
ROOTLESS = """
from dms_events.transport.memory import MemoryTransport

class Rootless(MemoryTransport):
    def __init__(self, url):
        super().__init__("memory://")
"""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("tail", *NODE, "--credentials", "x.creds"),
            "--credentials: is an option for nats:// only, but the URL begins with libp2p://",
        ),
        (
            ("publish", "ServiceCall", CALL, *NODE, "--no-make-streams"),
            "--make-streams: is an option for nats:// only, but the URL begins with libp2p://",
        ),
        (
            ("worker", "billing:worker", *NODE, "--tls-first"),
            "--tls-first: is an option for nats:// only, but the URL begins with libp2p://",
        ),
        (
            ("tail", "--url", "nats://me:hush@127.0.0.1:1", "--bootstrap", "/ip4/127.0.0.1/tcp/1"),
            "--bootstrap: is an option for libp2p:// only, but the URL begins with nats://",
        ),
        (
            ("worker", "billing:worker", "--reload", "--url", NOBODY, "--key-file", "key"),
            "--key-file: is an option for libp2p:// only, but the URL begins with nats://",
        ),
        (
            ("tail", "--url", "memory://", "--inbox-prefix", "_INBOX_me"),
            "--inbox-prefix: is an option for nats:// only, but the URL begins with memory://",
        ),
    ],
)
async def test_an_option_of_another_scheme_is_an_error(words: tuple[str, ...], says: str) -> None:
    assert await complaint(*words) == f"dms-events: {says}"


@pytest.mark.parametrize(
    "words",
    [
        ("dead", "list", *NODE),
        ("dead", "replay", "--all", *NODE),
        ("sink", "run", "--from", "libp2p://127.0.0.1:0"),
        ("nats", "setup", *NODE),
    ],
)
async def test_what_works_on_stored_events_refuses_a_network_that_stores_nothing(
    words: tuple[str, ...],
) -> None:
    reason = "this command takes only nats://; libp2p:// stores nothing"
    option = "--from" if "--from" in words else "--url"
    assert await complaint(*words) == f"dms-events: {option}: {reason}"


async def test_a_variable_of_another_scheme_is_left_for_the_commands_that_use_it(
    nats_server: NatsServer,
) -> None:
    variables = {"DMS_EVENTS_URL": nats_server.url, "DMS_EVENTS_BOOTSTRAP": "/no/multiaddr"}
    done = await run(*CLI, "publish", "ServiceCall", CALL, env=variables)
    assert (done.code, done.out, done.err) == (0, "published 1 elk_stats.ServiceCall\n", "")


async def test_a_command_explains_itself_in_two_letters_too() -> None:
    assert await answer("dead", "list", "-h") == await answer("dead", "list", "--help")


def test_each_option_of_libp2p_is_one_that_its_adapter_has() -> None:
    require_libp2p()
    from dms_events_libp2p import Libp2pOptions

    assert set(Libp2p.__struct_fields__) <= set(Libp2pOptions.__struct_fields__)


async def test_a_transport_without_roots_is_given_a_root_only_on_request(tmp_path: Path) -> None:
    (tmp_path / "rootless.py").write_text(ROOTLESS)
    (about := tmp_path / "rootless-1.dist-info").mkdir()
    (about / "METADATA").write_text("Name: rootless\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[dms_events.transports]\nrootless = rootless:Rootless\n"
    )
    words = (*CLI, "publish", "ServiceCall", CALL, "--url", "rootless:")
    done = await run(*words, env={"PYTHONPATH": str(tmp_path)})
    assert (done.code, done.out) == (0, "published 1 elk_stats.ServiceCall\n"), done
    done = await run(*words, "--root", "north", env={"PYTHONPATH": str(tmp_path)})
    assert (done.code, done.out) == (1, "")
    assert "options: Rootless: got an unexpected keyword argument 'root'" in done.err
