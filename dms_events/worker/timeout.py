"""Handler timeouts: cancel a handler whose time is up, and fail its message with a HandlerError."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..errors import HandlerError
from .slots import Slot

__all__ = ["cancel_overdue", "error_when_cancelled", "error_when_returned_late", "postpone"]

_NOTABLE_S = 0.05


def cancel_overdue(slots: Iterable[Slot]) -> None:
    """Cancel each handler that has run longer than its timeout."""
    now = time.monotonic()
    for slot in slots:
        if now > slot.deadline and slot.task is not None:
            slot.deadline = float("inf")
            slot.overdue = True
            slot.task.cancel()


def postpone(slots: Iterable[Slot], stood_s: float) -> None:
    """Postpone the deadline of each handler by the time for which the event loop stood still."""
    if stood_s > _NOTABLE_S:
        for slot in slots:
            slot.deadline += stood_s


def error_when_cancelled(
    slot: Slot, timeout_s: float | None, cancelled: BaseException
) -> HandlerError:
    """Return the error of a handler that was cancelled; the slot goes on with other messages.

    The traceback of the error's cause shows where the handler stood.
    """
    if slot.clear_cancellation():
        error = HandlerError(f"its handler took longer than {timeout_s:g} s")
    else:
        error = HandlerError("its handler was cancelled, and not by its worker")
    error.__cause__ = cancelled
    return error


def error_when_returned_late(slot: Slot, timeout_s: float | None) -> HandlerError:
    """Return the error of a handler that swallowed the cancellation of its timeout, and returned."""
    slot.clear_cancellation()
    return HandlerError(
        f"its handler took longer than {timeout_s:g} s, and did not end when cancelled"
    )
