"""Messages that the readers of a bus throw away, and the user's callback for them."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from ..errors import ConfigError, ConnectionLostError, DroppedError
from ..quiet import Quiet
from ..text import Lines
from ..transport import Delivery

__all__ = ["Discarded", "Discards"]

_log = logging.getLogger("dms_events")


class Discarded(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of `on_error` (see `dms_events.connect`): messages that were thrown away.

    Its repr shows neither the payload nor the text of the error, which may quote it.
    """

    error: Exception
    """The reason. `DecodeError` or `UnknownTypeError`: the message could not be read. `DroppedError`:
    there was no room. Any other error: a worker without a durable gave the message up."""
    count: int = 1
    """How many messages; above 1 only with a `DroppedError`."""
    subject: str = ""
    """Where the message was published, in the transport's own terms; empty with a `DroppedError`."""
    source: str = ""
    """The publisher, as the transport knows it; empty if the transport does not know it."""
    size: int = 0
    """Bytes of the payload, headers and names; 0 with a `DroppedError`."""
    data: bytes = b""
    """The payload as it arrived, which may hold a secret; empty with a `DroppedError`."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown = ("count", "subject", "source", "size")
        return [
            ("error", type(self.error).__name__),
            *((name, getattr(self, name)) for name in shown),
        ]

    def __repr__(self) -> str:
        what = " ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"<Discarded {what}>"


class Discards:
    """Calls the user's callback for messages that are not kept anywhere, and counts them.

    Args:
        on_error: called in the event loop with each `Discarded`; None for no callback.

    Raises:
        ConfigError: ``on_error`` cannot be called, or is async.
    """

    def __init__(self, on_error: Callable[[Discarded], object] | None) -> None:
        call = getattr(on_error, "__call__", None)  # noqa: B004 - an object's may be async
        if inspect.iscoroutinefunction(on_error) or inspect.iscoroutinefunction(call):
            reason = "must be a plain function: it is not awaited, but may start a task"
            raise ConfigError("on_error", reason)
        if on_error is not None and not callable(on_error):
            raise ConfigError("on_error", f"must be a function, not {type(on_error).__name__}")
        self._on_error = on_error
        self.count = 0
        """Messages that were thrown away."""
        self.failed_calls = 0
        """Calls of the callback that raised; logged once a second."""
        self._quiet = Quiet()

    async def throw_away(
        self,
        delivery: Delivery,
        *,
        id: str,
        error: Exception,
        reader: str,
        attempts: int | None = None,
        first: str = "",
    ) -> None:
        """Report a message that is not kept as a dead letter, and settle it."""
        self._tell(
            Discarded(
                error=error,
                subject=delivery.subject,
                source=delivery.source,
                size=delivery.size,
                data=delivery.data,
            )
        )
        with suppress(ConnectionLostError):  # then it is delivered again
            await delivery.term()

    def dropped(self, error: DroppedError) -> None:
        """Report messages that a receiver dropped because it had no room."""
        self._tell(Discarded(error=error, count=error.count))

    def _tell(self, discarded: Discarded) -> None:
        self.count += discarded.count
        if self._on_error is None:
            return
        try:
            self._on_error(discarded)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - it is the user's, and ends nothing here
            self.failed_calls += 1
            if self._quiet.over():
                self._say_failed(discarded, raised)

    def _say_failed(self, discarded: Discarded, raised: BaseException) -> None:
        """Log the error of the callback without its text, which may quote the payload."""
        _log.error(
            "on_error raised on %r (%d failed calls so far)\n%s%s",
            discarded,
            self.failed_calls,
            Lines("".join(traceback.format_tb(raised.__traceback__))),
            type(raised).__name__,
        )
