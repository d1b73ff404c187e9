"""The ``dms-events`` command."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Final

from ..errors import DmsEventsError, ExtraNotInstalledError
from ..text import visible
from ._signals import Interrupted, end_on_signals

__all__ = ["main"]

_JUDGES: Final = frozenset({"audit", "trace"})
"""Commands whose result may be the exit code 1, so that an error is 2."""
_OUTPUT_ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT)


def main() -> None:
    """Run the command. An error is printed as one line with the fault and its cure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a character shows "?"
    end_on_signals()
    try:
        try:
            _run()
        finally:
            _flush_output()
    except OSError as error:
        if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
            raise
        _discard_output()
        print(f"dms-events: standard output: {error.strerror}", file=sys.stderr)
        sys.exit(_error_code())
    except DmsEventsError as error:
        if os.environ.get("DMS_EVENTS_DEBUG"):
            raise
        print(f"dms-events: {visible(str(error))}", file=sys.stderr)
        sys.exit(_error_code())
    except Interrupted as interrupted:
        interrupted.say()
        sys.exit(interrupted.code)


def _error_code() -> int:
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return 2 if command in _JUDGES else 1


def _flush_output() -> None:
    """Write the rest of the output, unless its reader has gone, as after ``head``."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()


def _discard_output() -> None:
    """Discard output that could not be written, so that the interpreter does not write it at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> None:
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ImportError as error:
        raise ExtraNotInstalledError("cli", "the dms-events command") from error
    from ._app import app

    app()
