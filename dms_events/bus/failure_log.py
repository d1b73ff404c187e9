"""Log the failure of a handler with its traceback, but no text that may quote a secret."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from ..dead_letters.letter import may_hold_secret
from ..text import Lines
from .message import Message

__all__ = ["log_failure"]

_log = logging.getLogger("dms_events")


def log_failure(
    message: Message[Any], error: BaseException, what: str, *, level: int = logging.WARNING
) -> None:
    """Log ``what`` went wrong with a message, and the traceback of its handler."""
    delivery = message.delivery
    if may_hold_secret(delivery.type_name, delivery.data):
        where = Lines("".join(traceback.format_tb(error.__traceback__)).rstrip())
        name = type(error).__name__
        _log.log(
            level,
            "%s\n%s\n%s: its text is withheld, because its type holds a secret",
            what,
            where,
            name,
        )
    else:
        _log.log(level, "%s", what, exc_info=error)
