"""Where an optional package is missing, one line names the command that installs it."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
from typer.testing import CliRunner

import dms_events
from dms_events.cli._app import COMMANDS, app
from tests.kit.paths import HOME
from tests.kit.programs.processes import run

WITHOUT = """
import shutil, sys
blocked = {blocked!r}
if blocked == "nats-server":
    shutil.which = lambda *args, **more: None
else:
    sys.modules[blocked] = None
from dms_events.cli import main
main()
"""
DEMO = ("demo", "--devices", "5", "--events", "300", "--keep", "kept")


CASES: list[tuple[str, tuple[str, ...], str]] = [
    ("nats", ("publish", "ServiceCall", "{}"), "nats"),
    ("nats", ("sink", "run", "--to", "sqlite:kept"), "nats"),
    ("nats", ("nats", "setup"), "nats"),
    ("nats", DEMO, "nats"),
    ("typer", ("version",), "cli"),
    ("rich", ("version",), "cli"),
    ("psutil", DEMO, "demo"),
    ("nats-server", DEMO, "server"),
    ("elasticsearch", ("sink", "run", "--to", "http://127.0.0.1:1"), "elasticsearch"),
    ("elasticsearch", ("sink", "run", "--to", "https://127.0.0.1:1"), "elasticsearch"),
    ("aiohttp", ("kibana", "install", "--url", "http://127.0.0.1:1"), "elasticsearch"),
    ("libp2p", ("tail", "--url", "libp2p://127.0.0.1:0"), "libp2p"),
    ("libp2p", ("publish", "ServiceCall", "{}", "--url", "libp2p://127.0.0.1:0"), "libp2p"),
    ("libp2p", ("libp2p", "key", "kept"), "libp2p"),
    ("libp2p", ("libp2p", "ping", "/ip4/127.0.0.1/tcp/1"), "libp2p"),
]
"""A package that is missing for a command, and the extra that has it."""


@pytest.mark.parametrize(("blocked", "words", "extra"), CASES)
async def test_a_missing_extra_names_its_cure(
    blocked: str, words: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    words = tuple(word.replace("kept", str(tmp_path / "kept")) for word in words)
    (temporary := tmp_path / "tmp").mkdir()
    program = WITHOUT.format(blocked=blocked)
    done = await run(sys.executable, "-c", program, *words, env={"TMPDIR": str(temporary)})
    assert done.code == 1
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1].endswith(f"pip install 'dms-events[{extra}]'")
    assert done.err.splitlines()[-1].startswith("dms-events: ")
    assert list(temporary.iterdir()) == []


def needed() -> dict[str, set[str]]:
    """The rows of README's table: what is in code at the left, and the extras that it takes."""
    lines = (HOME / "README.md").read_text(encoding="utf-8").partition("| takes the extras |")[2]
    rows = [line.split("|")[1:3] for line in lines.partition("\n\n")[0].splitlines()[2:]]
    return {use: set(re.findall("`([^`]+)`", extras)) for use, extras in rows}


def packages(extra: str) -> set[str]:
    lines = (line.replace('"', "'").partition(";") for line in requires("dms-events") or ())
    return {package for package, _, when in lines if f"extra == '{extra}'" in when}


def test_the_readme_says_for_each_command_which_extras_it_takes() -> None:
    table = needed()
    extras = set(metadata("dms-events").get_all("Provides-Extra") or ())
    assert set().union(*table.values()) == extras - {"all"}
    brought: dict[str, set[str]] = {}
    for use, named in table.items():
        if "`dms-events " in use:
            for word in re.findall("`([^`]+)`", use):
                name = word.removeprefix("dms-events ").partition(" ")[0]
                brought.setdefault(name, set()).update(*map(packages, named))
    assert set(brought) == set(COMMANDS)
    assert [words for _, words, extra in CASES if not packages(extra) <= brought[words[0]]] == []


def test_an_index_shows_the_readme_without_links_that_lead_nowhere() -> None:
    about = metadata("dms-events")
    text = str(about.json["description"])
    assert "# dms-events" in text, "the environment is older than pyproject.toml: make .venv/.dev"
    assert re.findall(r"\]\((?!https:)[^)]*\)", text) == []
    assert about.get_all("Project-URL")


def test_the_version_is_that_of_the_distribution() -> None:
    assert dms_events.__version__ == metadata("dms-events")["Version"]


@pytest.mark.parametrize("words", [("version",), ("--version",)])
async def test_the_command_prints_the_version(words: tuple[str, ...]) -> None:
    done = await run(sys.executable, "-m", "dms_events", *words)
    assert (done.code, done.out) == (0, f"{dms_events.__version__}\n")


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)])
def test_each_command_takes_the_short_option_for_help(words: list[str]) -> None:
    short = CliRunner().invoke(app, [*words, "-h"])
    assert (short.exit_code, "Usage: " in short.output) == (0, True)


@pytest.mark.parametrize("blocked", ["nats", "elasticsearch", "libp2p", "psutil", "pyrage"])
async def test_what_does_not_need_an_extra_works_without_it(blocked: str) -> None:
    for words in (
        ("types",),
        ("version",),
        ("demo", "--help"),
        ("report", "--help"),
        ("kibana", "export", "--to", os.devnull),
        ("nats", "setup", "--help"),
        ("libp2p", "peers", "--help"),
    ):
        done = await run(sys.executable, "-c", WITHOUT.format(blocked=blocked), *words)
        assert (done.code, done.err) == (0, "")


async def test_the_core_needs_neither_the_command_nor_an_adapter() -> None:
    program = """
import sys, asyncio
names = "nats elasticsearch libp2p trio multiaddr psutil pyrage typer rich sqlite3"
for name in names.split():
    sys.modules[name] = None
import dms_events
from dms_events.types.elk_stats import ServiceRemove

async def main():
    async with dms_events.connect("memory://") as bus:
        await bus.publish(ServiceRemove(service_id="s", timestamp=1.0))
        async with bus.subscribe("*", durable="d") as messages:
            print((await anext(messages)).event.service_id)

asyncio.run(main())
"""
    done = await run(sys.executable, "-c", program)
    assert (done.code, done.out, done.err) == (0, "s\n", "")


async def test_encryption_names_the_extra_that_it_needs() -> None:
    program = """
import sys
sys.modules["pyrage"] = None
from dms_events.errors import ExtraNotInstalledError
try:
    import dms_events.encryption
except ExtraNotInstalledError as error:
    print(error)
"""
    done = await run(sys.executable, "-c", program)
    expected = "encryption needs an extra: pip install 'dms-events[encryption]'\n"
    assert (done.code, done.out, done.err) == (0, expected, "")


@pytest.mark.parametrize("missing", ["pytest", "pytest_asyncio"])
async def test_the_contract_suite_names_the_extra_that_it_needs(missing: str) -> None:
    program = f"""
import sys
sys.modules["{missing}"] = None
import dms_events.testing
from dms_events.errors import ExtraNotInstalledError
try:
    import dms_events.testing.transport_contract
except ExtraNotInstalledError as error:
    print(error)
"""
    done = await run(sys.executable, "-c", program)
    expected = "the contract suite needs an extra: pip install 'dms-events[testing]'\n"
    assert (done.code, done.out, done.err) == (0, expected, "")


async def test_the_extra_for_nats_brings_what_credentials_need(tmp_path: Path) -> None:
    lines = [line.replace('"', "'") for line in requires("dms-events") or ()]
    assert any("nats-py[nkeys]" in line and "extra == 'nats'" in line for line in lines)
    program = f"""
import sys
sys.modules["nkeys"] = None
import dms_events
from dms_events.errors import ExtraNotInstalledError
try:
    dms_events.connect("nats://127.0.0.1:1", credentials={str(tmp_path)!r})
except ExtraNotInstalledError as error:
    print(error)
"""
    done = await run(sys.executable, "-c", program)
    expected = "NATS with credentials needs an extra: pip install 'dms-events[nats]'\n"
    assert (done.code, done.out, done.err) == (0, expected, "")


async def test_libp2p_names_the_extra_that_it_needs() -> None:
    program = """
import sys
sys.modules["libp2p"] = None
import dms_events
from dms_events.types.network_config import NetworkConfig, NetworkType
for place in ("libp2p://127.0.0.1:0", NetworkConfig(type=NetworkType.LIBP2P)):
    try:
        dms_events.connect(place)
    except dms_events.ExtraNotInstalledError as error:
        print(error)
"""
    done = await run(sys.executable, "-c", program)
    expected = "libp2p needs an extra: pip install 'dms-events[libp2p]'\n"
    assert (done.code, done.out, done.err) == (0, 2 * expected, "")
