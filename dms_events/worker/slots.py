"""Slots: how many handlers run at a time, and which messages run while no others do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

__all__ = ["Slot", "Slots"]

W = TypeVar("W")
_IN_A_ROW = 64
_CANCEL_S = 5.0

_log = logging.getLogger("dms_events")


class Slot:
    """One task, which does one piece of work after the other."""

    __slots__ = ("closing", "deadline", "overdue", "settling", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.deadline = float("inf")
        """On the monotonic clock: when its present work has to be cancelled."""
        self.overdue = False
        """True if its present work was cancelled because its time was up."""
        self.closing = False
        """True if it begins no more work."""
        self.settling = False
        """True if its present work is as good as done: closing the slot does not cancel it."""

    def clear_cancellation(self) -> bool:
        """Go on with other work after a cancellation. Returns True if the timeout was its cause."""
        overdue, self.overdue = self.overdue, False
        while self.task is not None and self.task.cancelling():
            self.task.uncancel()
        return overdue


class Slots(Generic[W]):
    """Runs pieces of work in a fixed number of tasks (slots), so that a piece costs no task of its own.

    A suspect is work that may have killed a process before. Suspects wait until all slots are empty. Then
    the first ones run, as many as ``group`` returns, and all other work waits until they have ended.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[W, Slot], Awaitable[None]],
        group: Callable[[Iterable[W]], int],
    ) -> None:
        self._work = work
        self._group = group
        self.all = [Slot() for _ in range(count)]
        """Every slot, at rest or not."""
        self.ready: deque[W] = deque()
        self.suspects: deque[W] = deque()
        self._busy = 0
        """Slots that are not at rest."""
        self._tried: deque[W] = deque()
        """The suspects of the present group that are not begun."""
        self._trying = 0
        """How many suspects of the present group are not done."""
        self.held = False
        """True if no more work is begun."""
        self._resting: deque[asyncio.Future[None]] = deque()
        self._changed = asyncio.Event()
        self._watched = 0
        """How many callers wait for a condition."""
        self._failure = asyncio.Event()
        self._error: BaseException | None = None

    def open(self) -> None:
        """Start the slots."""
        for slot in self.all:
            slot.task = asyncio.create_task(self._run(slot))
            slot.task.add_done_callback(self._ended)

    async def failed(self) -> None:
        """Wait for an error that ends a slot, and raise it. Such an error is a defect of this library."""
        await self._failure.wait()
        if self._error is not None:
            raise self._error

    def put(self, work: W) -> None:
        """Run a piece of work beside other work, as soon as a slot is free."""
        self.ready.append(work)
        if self._resting and not self.suspects:
            self._wake()

    def put_suspect(self, work: W) -> None:
        """Run a piece of work while only suspects run."""
        self.suspects.append(work)
        if self._resting:
            self._wake()

    @property
    def waiting(self) -> int:
        """How many pieces of work wait."""
        return len(self.ready) + len(self.suspects)

    def notify(self) -> None:
        """Have the conditions checked again for which callers wait."""
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is checked after every piece of work."""
        self._watched += 1
        try:
            while not condition():
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._watched -= 1

    async def until_idle(self, timeout_s: float) -> None:
        """Return when no slot works, at the latest after ``timeout_s``; waiting work does not count."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.until(lambda: not self._busy)

    async def close(self) -> None:
        """Cancel running work, unless it is as good as done; waiting work stays where it is."""
        tasks = []
        for slot in self.all:
            if slot.task is not None:
                slot.closing = True
                if not slot.settling:
                    slot.task.cancel()
                tasks.append(slot.task)
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_CANCEL_S)
            if stubborn:
                _log.error("%d handlers were cancelled, but still run", len(stubborn))

    def clear(self) -> None:
        """Forget the waiting work."""
        for waiting in (self.ready, self.suspects, self._tried):
            waiting.clear()

    def _begin_group(self) -> bool:
        """Begin a group of suspects if no other slot works; return True if it is begun."""
        if not self.suspects or self._busy != 1 or self._trying or self.held:
            return False
        self._trying = self._group(self.suspects)
        self._tried.extend(self.suspects.popleft() for _ in range(self._trying))
        for _ in range(self._trying - 1):
            self._wake()
        return True

    async def _run(self, slot: Slot) -> None:
        self._busy += 1
        try:
            await self._go_on(slot)
        finally:
            self._busy -= 1
            self._changed.set()

    async def _go_on(self, slot: Slot) -> None:
        row, ready = 0, self.ready
        while not slot.closing:
            suspect = False
            if ready and not (self.suspects or self._trying or self.held):
                work = ready.popleft()
            elif (self._tried and not self.held) or self._begin_group():
                work, suspect = self._tried.popleft(), True
            else:
                await self._rest()
                continue
            try:
                await self._work(work, slot)
            finally:
                slot.settling = False
                if suspect:
                    self._end_suspect()
                if self._watched:
                    self._changed.set()
            row += 1
            # Handlers that never wait must not keep others from their turn.
            if row % _IN_A_ROW == 0:
                await asyncio.sleep(0)

    def _end_suspect(self) -> None:
        """Count a suspect as done; after the last one of its group, other work goes on."""
        self._trying -= 1
        if not self._trying:
            for _ in range(min(len(self.ready), len(self._resting))):
                self._wake()

    async def _rest(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._resting.append(waiter)
        self._busy -= 1
        self._changed.set()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._resting:
                self._resting.remove(waiter)
            raise
        finally:
            self._busy += 1

    def _wake(self) -> None:
        while self._resting:
            waiter = self._resting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            if self._error is not None or self.held:
                _log.error("a slot of the worker ended with an error: %r", error)
            self._error = self._error or error
            self._failure.set()
