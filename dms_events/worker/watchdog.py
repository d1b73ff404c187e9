"""Watchdog: notices that the event loop stands still, says which handler blocks it, and for how long."""

from __future__ import annotations

import inspect
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from types import CodeType, FrameType, TracebackType
from typing import Self

from ..quiet import Quiet
from ..text import Lines
from .handlers import Handler

__all__ = ["Watchdog"]

_log = logging.getLogger("dms_events")
_LOOK_S = 0.5
_BLOCKED_S = 2.0
_QUIET_S = 60.0
_MOST_FRAMES = 20


class Watchdog:
    """Watches the loop that it is entered in, from a thread that looks twice a second.

    While the loop stands still, nothing in it can say why. The thread logs its stack instead: once for
    each block, and at most once a minute. A process that was stopped does not count as blocked.
    """

    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._names: dict[CodeType, str] = {}
        for handler in handlers:
            code = getattr(inspect.unwrap(handler.function), "__code__", None)
            if code is not None:
                self._names[code] = handler.name
        self._loop_thread = threading.get_ident()
        self._ended = threading.Event()
        self._ticked_s = time.monotonic()
        self._said_of_s = 0.0
        self._quiet = Quiet(_QUIET_S)

    def __enter__(self) -> Self:
        self._ticked_s = time.monotonic()
        threading.Thread(target=self._watch, name="dms-events-watchdog", daemon=True).start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()

    def tick(self, expected_s: float) -> float:
        """Note a call in the loop, expected every ``expected_s``; return by how long it is late."""
        now_s = time.monotonic()
        stood_s = max(0.0, now_s - self._ticked_s - expected_s)
        self._ticked_s = now_s
        if stood_s > _BLOCKED_S:
            _log.warning(
                "the event loop stood still for %.1f s; no timeout counts this time", stood_s
            )
        return stood_s

    def _watch(self) -> None:
        looked_s = time.monotonic()
        while not self._ended.wait(_LOOK_S):
            now_s, ticked_s = time.monotonic(), self._ticked_s
            stopped = now_s - looked_s > 2 * _LOOK_S
            looked_s = now_s
            if stopped or now_s - ticked_s < _BLOCKED_S:
                continue
            if self._said_of_s != ticked_s and self._quiet.over():
                self._said_of_s = ticked_s
                self._say(now_s - ticked_s, sys._current_frames().get(self._loop_thread))

    def _say(self, stood_s: float, frame: FrameType | None) -> None:
        _log.warning(
            "%s has blocked the event loop for %.1f s: no other handler can run, and after the ack wait "
            "other readers get the messages. Call blocking code with await asyncio.to_thread(...)\n%s",
            self._blocking(frame),
            stood_s,
            Lines("".join(traceback.format_stack(frame, _MOST_FRAMES)) if frame else ""),
        )

    def _blocking(self, frame: FrameType | None) -> str:
        while frame is not None:
            if name := self._names.get(frame.f_code):
                return f"the handler {name}"
            frame = frame.f_back
        return "something beside the handlers"
