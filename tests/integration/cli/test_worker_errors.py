"""``dms-events worker`` says what is wrong with a module, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.programs.processes import CLI, run

HEAD = """
import dms_events
from dms_events.types.elk_stats import ServiceCall

worker = dms_events.Worker("billing")

def note(what):
    print(what)
"""
FINE = (
    HEAD
    + """
@worker.on(ServiceCall)
async def bill(event):
    note(event)
"""
)


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("billing", FINE, "'billing' is not MODULE:ATTRIBUTE, such as billing:worker"),
        ("./app/billing.py", FINE, "such as app.billing:worker"),
        ("a b:worker", FINE, "is not MODULE:ATTRIBUTE"),
        ("biling:worker", FINE, "No module named 'biling'; it was looked for in "),
        ("billing.jobs:worker", FINE, "No module named 'billing.jobs'; 'billing' is not a package"),
        ("billing:woker", FINE, "billing has no 'woker'; its workers are: worker"),
        ("billing:worker", "", "billing has no 'worker'; it has no dms_events.Worker"),
        ("billing:note", FINE, "billing:note is of type function, not a dms_events.Worker"),
        ("billing:worker", HEAD, "has no handler; add one with @worker.on(Type)"),
    ],
)
async def test_a_worker_that_cannot_be_found_is_told_in_one_line(
    tmp_path: Path, target: str, code: str, said: str
) -> None:
    (tmp_path / "billing.py").write_text(code)
    done = await run(*CLI, "worker", target, cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    [line] = done.err.splitlines()
    assert line.startswith("dms-events: worker: ")
    assert said in line


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("from asyncio import nothing", "ImportError: cannot import name 'nothing'"),
        ("def (", "SyntaxError: "),
        ("\n1 / 0", "ZeroDivisionError"),
        (FINE + "worker.on('ServiceCall')(bill)", "ServiceCall has a handler already, bill"),
    ],
)
async def test_what_a_module_raises_is_shown_with_its_place_and_not_taken_for_its_absence(
    tmp_path: Path, code: str, said: str
) -> None:
    (tmp_path / "billing.py").write_text(code)
    done = await run(*CLI, "worker", "billing:worker", cwd=tmp_path)
    assert done.code == 1
    assert said in done.err
    assert 'billing.py", line' in done.err
    assert "importlib" not in done.err
    assert "cli" not in done.err.partition("billing.py")[0]
    assert done.err.splitlines()[-1].endswith(
        "the import of billing failed; its traceback is above"
    )


async def test_a_worker_without_a_server_says_so_and_wrong_options_are_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "billing.py").write_text(FINE)
    words = (*CLI, "worker", "billing:worker", "--url")
    nobody = await run(*words, "nats://127.0.0.1:1", cwd=tmp_path)
    assert nobody.code == 1
    assert nobody.err.splitlines()[-1].startswith("dms-events: ")
    assert "Traceback" not in nobody.err
    for options in (("--drain", "-1"), ("--log-level", "loud")):
        assert (await run(*words, "memory://", *options, cwd=tmp_path)).code == 2
