"""Runs a trio program in a thread beside asyncio: calls into it, and a queue out of it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, TypeVar

import trio

from dms_events.errors import ConnectionLostError

__all__ = ["Bridge", "Handover"]

_log = logging.getLogger("dms_events")
_STOP_S = 5.0
_LOOK_S = 0.5
_MOST_CALLS = 1_000
_SAY_EVERY = 1_000

T = TypeVar("T")


class Bridge:
    """Runs ``main``, a context manager of trio, for as long as the bridge is open.

    The bridge belongs to the event loop that opens it. If that loop is closed without `close`, the trio
    side ends by itself. ``on_end`` is called in the loop when the trio side has ended: with None after
    `close`, else with the exception that ended it.
    """

    def __init__(
        self,
        main: Callable[[], AbstractAsyncContextManager[None]],
        *,
        name: str = "trio",
        on_end: Callable[[BaseException | None], None] = lambda error: None,
    ) -> None:
        self._main = main
        self._on_end = on_end
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._scope = trio.CancelScope()
        self._token: Any = None
        self._nursery: Any = None
        self._closing = False
        self._calls: set[asyncio.Future[Any]] = set()

    async def open(self) -> None:
        """Start the trio side. Returns when ``main`` is entered, or raises the exception of ``main``."""
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(_MOST_CALLS)
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()
        try:
            await asyncio.shield(self._ready)
        except BaseException:
            await self.close()
            raise

    async def call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run a coroutine function of trio. Its result is returned, and its exception is raised.

        If the call is cancelled, it cancels the function on the trio side and waits for its end.

        Raises:
            ConnectionLostError: the trio side has ended, or ends before the call does.
        """
        async with self._room:
            if self._closing or self._ended.done():
                raise ConnectionLostError("the libp2p node is closed")
            future: asyncio.Future[T] = self._loop.create_future()
            scope = trio.CancelScope()
            self._calls.add(future)
            try:
                self.soon(self._spawn, function, args, future, scope)
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                self.soon(scope.cancel)
                await self._end_of(future)
                raise
            finally:
                self._calls.discard(future)

    async def close(self) -> None:
        """End the trio side, with all its calls, and wait for its thread. Closing twice does nothing."""
        self._closing = True
        if self._thread.ident is None:
            return
        self.soon(self._scope.cancel)
        await asyncio.shield(self._ended)
        self._thread.join()

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function soon in the event loop. For the trio side, which ends if the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            self._scope.cancel()

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function soon on the trio side, if it runs. For the event loop."""
        # Before there is a token, `_beside` checks `_closing`. After the end, all calls are settled.
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(function, *args)

    async def _end_of(self, future: asyncio.Future[Any]) -> None:
        done, _ = await asyncio.wait([future], timeout=_STOP_S)
        if not done:
            _log.error("a cancelled call of the libp2p node has not ended within %g s", _STOP_S)
            future.cancel()
        elif not future.cancelled():
            future.exception()

    def _finished(self, error: BaseException | None) -> None:
        closed = ConnectionLostError("the libp2p node is closed")
        if error is not None:
            closed = ConnectionLostError(f"the libp2p node ended: {error!r}")
            closed.__cause__ = error
        for future in self._calls:
            _settle(future, None, closed)
        _settle(self._ready, None, error or closed)
        self._ready.exception()
        if not self._ended.done():
            self._ended.set_result(None)
        self._on_end(error)

    # The methods below run on the trio side.

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            trio.run(self._beside)
        except BaseException as raised:  # noqa: BLE001
            error = raised
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self.post(self._finished, error)

    async def _beside(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        if self._closing:
            return
        with self._scope:
            async with self._main(), trio.open_nursery() as self._nursery:
                self.post(_settle, self._ready, None, None)
                await self._closing_of_the_loop()
                self._nursery.cancel_scope.cancel()

    async def _closing_of_the_loop(self) -> None:
        while True:
            await trio.sleep(_LOOK_S)
            if self._loop.is_closed():
                return

    def _spawn(self, *args: Any) -> None:
        self._nursery.start_soon(self._run_call, *args)

    async def _run_call(
        self,
        function: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        future: asyncio.Future[T],
        scope: trio.CancelScope,
    ) -> None:
        value, error = None, None
        try:
            with scope:
                value = await function(*args)
        except Exception as raised:  # noqa: BLE001
            error = raised
        self.post(_settle, future, value, error)


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


class Handover(Generic[T]):
    """A bounded queue from the trio side to a function in the event loop.

    Items of a burst are handed over together. The queue holds up to ``limit`` items and ``most_bytes``
    bytes; an empty queue takes one item of any size. An item that finds the queue full is dropped,
    counted and logged, and ``on_drop`` is called with it on the trio side.
    """

    def __init__(
        self,
        bridge: Bridge,
        take: Callable[[T], None],
        limit: int,
        *,
        most_bytes: int = 1 << 62,
        size_of: Callable[[T], int] = lambda item: 0,
        on_drop: Callable[[T], None] = lambda item: None,
    ) -> None:
        self._bridge = bridge
        self._take = take
        self._limit = limit
        self._most_bytes = most_bytes
        self._size_of = size_of
        self._on_drop = on_drop
        # Each of the two is counted up by one thread only.
        self._put = self._taken = 0
        self._items: deque[T] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item, or drop it. For the trio side, which never waits for the event loop."""
        size = self._size_of(item)
        held = self._put - self._taken
        if self._items and (len(self._items) >= self._limit or held + size > self._most_bytes):
            if self.dropped % _SAY_EVERY == 0:
                _log.warning("messages are dropped: the event loop does not take them in time")
            self.dropped += 1
            self._on_drop(item)
            return
        self._put += size
        self._items.append(item)
        if len(self._items) == 1:
            self._bridge.post(self._hand_over)

    def _hand_over(self) -> None:
        # An item that arrives meanwhile is posted by the `finally` below, or posts its own hand-over.
        try:
            for _ in range(len(self._items)):
                item = self._items.popleft()
                self._taken += self._size_of(item)
                self._take(item)
        finally:
            if self._items:
                self._bridge.post(self._hand_over)
