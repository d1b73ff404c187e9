"""A pytest plugin: a run of the tests leaves no server behind, also when a signal ends it."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from tests.kit.run.leftovers import FOLDER, run_folder, watch


def pytest_configure(config: pytest.Config) -> None:
    # A script that starts the tests with `&` has them and what they start ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, _interrupt)
        (run_folder() / f"worker-{os.getpid()}").touch()
        return
    folder = Path(tempfile.mkdtemp(prefix="dms-events-run-"))
    folder.chmod(0o755)  # Elasticsearch has its files there, as another user
    os.environ[FOLDER] = str(folder)
    signal.signal(signal.SIGTERM, _interrupt_all)
    watcher = watch(folder)

    def end() -> None:
        watcher.communicate()

    config.add_cleanup(end)


def _interrupt(number: int, frame: object) -> None:
    """Do as Ctrl-C does, so that fixtures stop their servers."""
    signal.raise_signal(signal.SIGINT)


def _interrupt_all(number: int, frame: object) -> None:
    """Interrupt the workers too, as Ctrl-C in a terminal does; xdist lets a test go on for 5 s."""
    for worker in run_folder().glob("worker-*"):
        with suppress(ProcessLookupError):
            os.kill(int(worker.name.removeprefix("worker-")), signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
