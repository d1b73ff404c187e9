"""What the README and the examples show runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events.types.elk_stats import DeviceStatusChange, NtxPayment, ServiceRemove
from dms_events_nats import NatsServer
from tests.kit.paths import HOME
from tests.kit.storing import call

COMMAND = ("-m", "dms_events", "worker")


def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env=os.environ | env if env else None,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (HOME / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("where", ["nats", "memory"])
async def test_the_code_of_the_readme_publishes_and_reads(
    where: str, nats_server: NatsServer
) -> None:
    code, _ = blocks_of("README.md")
    url = nats_server.url if where == "nats" else "memory://"
    assert run("-c", code.replace("memory://", url)).startswith("online ")


def test_the_code_about_encryption_encrypts_and_decrypts(tmp_path: Path) -> None:
    text = (HOME / "docs" / "encryption.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert run("-c", code, cwd=tmp_path) == "42 42\n"
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600


def test_the_code_about_requests_asks_and_answers() -> None:
    code, worker = blocks_of("docs/requests.md")
    assert run("-c", code) == "ml is on its way\nrejected it costs at least 10 NTX\n"
    assert run("-c", worker + "\nprint(worker.replies)") == (
        "{'deployment.DeploymentRequest': 'deploy'}\n"
    )


async def test_the_code_about_dead_letters_replays_them(nats_server: NatsServer) -> None:
    [code] = re.findall(
        r"```python\n(.*?)```", (HOME / "docs" / "dead-letters.md").read_text(), re.DOTALL
    )
    async with dms_events.connect(nats_server.url) as bus:
        id = await bus.publish(call(1))
        async with bus.subscribe("*", durable="billing") as messages:
            message = await anext(messages)
            error = TimeoutError("the price list does not answer")
            await bus.dead_letters.add(
                message.delivery, id=id, error=error, reader="billing", attempts=6
            )
        done = run("-c", code.replace("nats://127.0.0.1:4222", nats_server.url))
        assert done == f"1 {id} 6 the price list does not answer\n"
        async with bus.subscribe("*", durable="billing") as messages:
            assert (await anext(messages)).id == id
        assert [letter async for letter in bus.dead_letters.find()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/workers.md"])
async def test_the_worker_of_a_page_handles_and_rejects(
    page: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    [code] = [block for block in blocks_of(page) if block.startswith("# billing.py\n")]
    (tmp_path / "billing.py").write_text(code)
    events = [call(1), msgspec.structs.replace(call(2), amount_of_ntx=-1)]
    async with dms_events.connect(nats_server.url, source="12D3KooWExample") as bus:
        await bus.publish_many(events)
        command = (*COMMAND, "billing:worker", "--url", nats_server.url, "--once")
        out = run(*command, cwd=tmp_path)
        assert len(out.splitlines()) == 1
        assert "service-1 1 " in out
        [letter] = [letter async for letter in bus.dead_letters.find()]
    assert letter.reason == "it costs less than nothing"


def test_the_tests_of_the_guide_pass_without_a_server(tmp_path: Path) -> None:
    names = []
    for block in blocks_of("docs/workers.md"):
        name = block.splitlines()[0].removeprefix("# ")
        (tmp_path / name).write_text(block)
        names.append(name)
    assert names == ["billing.py", "test_billing.py"]
    assert "2 passed" in run("-m", "pytest", "-q", cwd=tmp_path)


async def test_the_worker_of_the_examples_keeps_its_books(nats_server: NatsServer) -> None:
    def status(peer: str, status: str) -> DeviceStatusChange:
        return DeviceStatusChange(peer_id=peer, status=status, timestamp=1.0)

    def paid(amount: int) -> NtxPayment:
        return NtxPayment(
            call_id=1.0,
            service_id="service-1",
            amount_of_ntx=amount,
            peer_id="host-1",
            success_fail_status="success",
            timestamp=1.0,
        )

    calls = [msgspec.structs.replace(call(1), amount_of_ntx=amount) for amount in (30, 12, -1)]
    states = [status(peer, word) for word in ("online", "offline", "online") for peer in "ab"]
    removed = ServiceRemove(service_id="service-1", timestamp=1.0)
    async with dms_events.connect(nats_server.url, source="12D3KooWExample") as bus:
        await bus.publish_many([*calls, paid(10), paid(5), *states, status("b", "gone"), removed])
        command = (*COMMAND, "worker:worker", "--url", nats_server.url, "--once")
        out = run(*command, cwd=HOME / "examples")
        [letter] = [letter async for letter in bus.dead_letters.find()]
    assert out.splitlines() == [
        "the books are open",
        "owed 27 by 1",
        "online ['a']",
        "others {'ServiceRemove': 1}",
    ]
    assert letter.reason == "call 1 costs less than nothing"


def test_the_quickstart_publishes_and_reads() -> None:
    assert run(str(HOME / "examples" / "quickstart.py")).startswith("online ")


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
        assert last.startswith("everything is as declared\nsync_interval: not known")


async def test_the_code_in_the_documents_about_nats_runs(nats_server: NatsServer) -> None:
    text = (HOME / "docs" / "nats.md").read_text()
    code, connecting, cutting = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    out = run("-c", code.replace("nats://127.0.0.1:4222", nats_server.url))
    assert out.splitlines() == [
        "stream DMS_EVENTS  missing True",
        "stream DMS_DEAD  missing True",
        "durable billing  missing True",
        "[]",
    ]
    names: dict[str, Any] = {}
    exec(connecting, names)
    exec(cutting, names)
    async with dms_events.connect(nats_server.url) as bus:
        assert await names["publish_in_time"](bus, [call(1), call(2)]) == []


def test_the_page_about_transports_shows_the_example_as_it_is() -> None:
    suite, *pieces = blocks_of("docs/write-a-transport.md")
    examples = HOME / "examples"
    assert suite == (examples / "test_folder_transport.py").read_text()
    assert "\n\n".join(pieces) == (examples / "folder_transport.py").read_text()


def test_the_transport_of_the_page_is_found_by_its_scheme(tmp_path: Path) -> None:
    text = (HOME / "docs" / "write-a-transport.md").read_text()
    [declared] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    [(group, points)] = tomllib.loads(declared)["project"]["entry-points"].items()
    (about := tmp_path / "folder-1.dist-info").mkdir()
    (about / "METADATA").write_text("Name: folder\nVersion: 1\n")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines))
    path = {"PYTHONPATH": f"{tmp_path}:{HOME / 'examples'}"}
    url = f"folder:{tmp_path / 'place'}"
    event = '{"ServiceID": "service-1", "Timestamp": 1}'
    run("-m", "dms_events", "publish", "ServiceRemove", event, "--url", url, env=path)
    run("-m", "dms_events", "publish", "ServiceRemove", event, "--url", url, env=path)
    code = f"""
import asyncio, dms_events
async def main():
    async with dms_events.connect({url!r}, max_messages=2) as bus:
        async with bus.subscribe("*", durable="d") as messages:
            print((await anext(messages)).event.service_id, await messages.backlog())
asyncio.run(main())
"""
    assert run("-c", code, env=path) == "service-1 2\n"
