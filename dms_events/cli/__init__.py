"""The ``dms-events`` command."""

from __future__ import annotations

import os
import sys

from ..errors import DmsEventsError, ExtraNotInstalledError

__all__ = ["main"]


def main() -> None:
    """Run the command; an error is one line that says what and how to mend it."""
    try:
        _run()
    except DmsEventsError as error:
        if os.environ.get("DMS_EVENTS_DEBUG"):
            raise
        print(f"dms-events: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ImportError as error:
        raise ExtraNotInstalledError("cli", "the dms-events command") from error
    from ._app import app

    app()
