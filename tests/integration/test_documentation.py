"""What the README and the examples show runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.storing import call

HOME = Path(__file__).parents[2]


def run(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("where", ["nats", "memory"])
async def test_the_code_of_the_readme_publishes_and_reads(
    where: str, nats_server: NatsServer
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (HOME / "README.md").read_text(), re.DOTALL)
    url = nats_server.url if where == "nats" else "memory://"
    [code] = [block.replace("nats://127.0.0.1:4222", url) for block in blocks]
    assert run("-c", code).startswith("online ")


def test_the_code_about_encryption_encrypts_and_decrypts(tmp_path: Path) -> None:
    text = (HOME / "docs" / "encryption.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert run("-c", code, folder=tmp_path) == "42 42\n"
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600


async def test_the_code_about_dead_letters_replays_them(nats_server: NatsServer) -> None:
    [code] = re.findall(
        r"```python\n(.*?)```", (HOME / "docs" / "dead-letters.md").read_text(), re.DOTALL
    )
    async with dms_events.connect(nats_server.url) as bus:
        id = await bus.publish(call(1))
        async with bus.subscribe("*", durable="billing") as messages:
            message = await anext(messages)
            error = TimeoutError("the price list does not answer")
            await bus.bury(message.delivery, id=id, error=error, reader="billing", attempts=6)
        done = run("-c", code.replace("nats://127.0.0.1:4222", nats_server.url))
        assert done == f"1 {id} 6 the price list does not answer\n"
        async with bus.subscribe("*", durable="billing") as messages:
            assert (await anext(messages)).id == id
        assert [letter async for letter in bus.dead_letters()] == []


def test_the_quickstart_publishes_and_reads() -> None:
    assert run(str(HOME / "examples" / "quickstart.py")).startswith("online ")


def test_the_readme_names_only_files_that_are_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (HOME / "README.md").read_text())
    assert links
    assert [link for link in links if not (HOME / link).exists()] == []


async def test_the_declaration_in_the_documents_is_applied_and_then_as_declared(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    text = (HOME / "docs" / "nats.md").read_text()
    whole, more = map(dedent, re.findall(r"```toml\n(.*?) *```", text, re.DOTALL))
    file = tmp_path / "dms.toml"
    console = re.findall(r"\$ dms-events (nats setup [^#\n]*)", text)
    checking, setting = (command.replace("dms.toml", str(file)).split() for command in console)
    assert checking[-1] == "--check"
    for declaration in (whole, whole.partition("[durables")[0] + more):
        file.write_text(declaration)
        for words in (setting, checking):
            last = run("-m", "dms_events", *words, "--url", nats_server.url)
        assert last == "everything is as declared\n"


async def test_the_code_in_the_documents_about_nats_runs(nats_server: NatsServer) -> None:
    text = (HOME / "docs" / "nats.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    out = run("-c", code.replace("nats://127.0.0.1:4222", nats_server.url))
    assert out.splitlines() == [
        "stream DMS_EVENTS  missing True",
        "stream DMS_DEAD  missing True",
        "durable billing  missing True",
        "[]",
    ]
