"""The link to a NATS server: it is watched, and made again when it is dead or its reading has ended.

nats-py pings a quiet server after 2 minutes, and gives it up after 6. All uses of nats-py's private names
for the connection are here and in `tcp.py`, and all for its messages in `direct.py`. nats-py has no
public way to see whether bytes move, to abort a socket, to read with another parser, or to go on after an
error of the server. The tests in `tests/integration/nats/test_link.py` and `test_hostile_bytes.py` fail
without them.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Any

import nats.errors

from dms_events.errors import ConfigError

from .direct import DirectClient
from .opening import Attempts
from .parser import Parser
from .stillness import Stillness
from .tcp import Tcp

__all__ = ["LinkClient"]

_log = logging.getLogger("dms_events")
_TICK_S = 0.5
_AGAIN_S = 0.2
_CLOSE_S = 1.0
_LAST_STILL_S = 2.0
_LAST_LOOK_S = 0.1
_READ_BYTES = 32_768
_PASSING = ("permissions violation", "maximum subscriptions exceeded")
"""Errors after which the server goes on with the connection."""


class LinkClient(DirectClient):
    """The adapter's client, with a link that is watched.

    The link is dead when, for ``timeout_s`` in which the event loop ran, no byte came in and no waiting
    byte left. A new connection is made when the link is dead, when the server ends it with an error, and
    when the task that reads or the one that writes has ended. ``attempts`` is told the reason.
    """

    def __init__(self, attempts: Attempts, timeout_s: float, ping_interval_s: float) -> None:
        if not 0 < ping_interval_s < timeout_s:
            raise ConfigError("ping_interval_s", "must be above 0 and below link_timeout_s")
        super().__init__(attempts)
        self._ping_interval_s = ping_interval_s
        self._timeout_s = timeout_s
        self._tick_s = min(_TICK_S, timeout_s / 4)
        self._still = Stillness(self._tick_s)
        self._tcp = Tcp()
        self._transport = self._tcp
        self._parser = Parser(
            self.takers,
            self._process_msg,  # type: ignore[arg-type]
            ping=self._process_ping,
            pong=self._process_pong,
            error=self._process_err,
            info=self._process_info,
        )
        self._ps: Any = self._parser
        self._timer: asyncio.TimerHandle | None = None
        self._reconnecting: asyncio.Task[None] | None = None

    @property
    def still_s(self) -> float:
        """The seconds for which nothing has moved on the link."""
        return self._still.s

    @property
    def holds_unsent(self) -> bool:
        """True if bytes wait in the client for a connection, or for their turn."""
        return bool(self._pending)

    @property
    def server(self) -> str:
        """Host and port of the server that is connected, or was tried last."""
        return self._tcp.server

    @property
    def malformed(self) -> int:
        """The number of malformed subjects and header blocks, mended or left out in their messages."""
        return self._parser.malformed

    @property
    def skipped(self) -> int:
        """The number of messages that could not be delivered to any subscription."""
        return self._parser.skipped

    @property
    def clustered(self) -> bool:
        """True if the server belongs to a cluster."""
        return "cluster" in self._server_info

    async def connect_for_good(self, **options: Any) -> None:
        """Connect with nats-py's ``options``, and again after every loss."""
        await self.connect(
            max_reconnect_attempts=-1,
            reconnect_time_wait=_AGAIN_S,  # type: ignore[arg-type]
            ping_interval=self._ping_interval_s,  # type: ignore[arg-type]
            max_outstanding_pings=sys.maxsize,  # the watch decides whether the link lives
            skip_subject_validation=True,
            **options,
        )

    def watch(self) -> None:
        """Begin to watch the link; `end` stops it."""
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._look)

    def abort(self) -> None:
        """Give up the connection at once, with all unsent bytes."""
        self._tcp.abort()

    async def leave(self, last: Coroutine[Any, Any, None], timeout_s: float) -> bool:
        """Run ``last``, then close for good. Returns True if ``last`` came to its end.

        ``last`` gets at most ``timeout_s``, and no more than 2 s in which nothing moves.
        """
        loop = asyncio.get_running_loop()
        leaving, began = loop.create_task(last), loop.time()
        try:
            while not leaving.done() and (passed := loop.time() - began) < timeout_s:
                if min(self._still.s, passed) >= _LAST_STILL_S:
                    break
                await asyncio.wait({leaving}, timeout=_LAST_LOOK_S)
        finally:
            in_time = leaving.done()
            leaving.cancel()
            await self.end()
            await asyncio.wait({leaving}, timeout=_LAST_STILL_S)
        if in_time:
            leaving.result()
        return in_time

    async def end(self) -> None:
        """Close for good. Bytes that do not leave within a second are given up."""
        if self._timer is not None:
            self._timer.cancel()
        if self._flush_queue is None:
            return  # it never began to connect
        closing = asyncio.create_task(self.close())
        try:
            await asyncio.wait({closing}, timeout=_CLOSE_S)
        finally:
            if not closing.done():
                self.abort()
            self._release()
        try:
            await closing
        except OSError as error:
            # The connection broke while bytes were still written to it. Then nats-py does not call its
            # callback.
            _log.debug("NATS: %s", error)
            if self._closed_cb is not None:
                await self._closed_cb()

    def _look(self) -> None:
        # A timer and not a task: a program that cancels all tasks must not end the watch.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._tick_s, self._look)
        tcp = self._tcp
        waiting = tcp.waiting() if self.is_connected else 0
        self._still.look(loop.time(), tcp.received, tcp.written, waiting)
        if not self.is_connected:
            return
        error: Exception | None = None
        if self._still.s >= self._timeout_s:
            error = nats.errors.Error(f"nothing moved on it for {self._timeout_s:g} s")
            self.abort()
        elif any(task is None or task.done() for task in (self._reading_task, self._flusher_task)):
            error = nats.errors.Error("the task that reads or the one that writes has ended")
        if error is not None:
            self._reconnecting = loop.create_task(self._process_op_err(error))

    async def _process_op_err(self, e: Exception) -> None:
        if not (self.is_closed or self.is_reconnecting):
            self.attempts.lost(e)
        await super()._process_op_err(e)
        self._release()

    def _release(self) -> None:
        """Wake the publishers that wait for bytes to leave: nats-py would leave them waiting."""
        queue = self._flush_queue
        while queue is not None and not queue.empty():
            if not (waiter := queue.get_nowait()).done():
                waiter.set_result(None)

    async def _process_err(self, err_msg: str) -> None:
        """Go on after every error of the server: nats-py's own closes for good after most of them."""
        if err_msg.lower().startswith(_PASSING):
            self._err = nats.errors.Error(f"nats: {err_msg.lower()}")
            await self._error_cb(self._err)
        else:
            await self._process_op_err(nats.errors.Error(f"the server says {err_msg!r}"))

    async def _process_connect_init(self) -> None:
        """Greet the server within the time of one attempt.

        Every failure becomes an error of nats-py or an OSError: any other exception would end nats-py's
        reconnecting for good.
        """
        self._cancel_tasks()  # of an attempt that failed after the greeting
        due = self._tcp.attempt_at + self.options["connect_timeout"]
        try:
            async with asyncio.timeout_at(due):
                await super()._process_connect_init()
        except TimeoutError as error:
            self.abort()  # closing would wait for this server, at the cost of the next one's time
            raise nats.errors.Error("the server accepts connections and says nothing") from error
        except (nats.errors.Error, OSError):
            raise
        except Exception as error:
            raise nats.errors.Error(f"the server's greeting cannot be read ({error!r})") from error
        if not self.is_connected:
            self._cancel_tasks()
            raise nats.errors.Error(
                "the server closed the connection in the middle of its greeting"
            )

    def _cancel_tasks(self) -> None:
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None:
                task.cancel()

    async def _read_loop(self) -> None:
        """Read until the connection ends. A new one is made, unless it was closed on purpose."""
        try:
            while data := await self._tcp.read(_READ_BYTES):
                await self._parser.parse(data)
            await self._process_op_err(nats.errors.UnexpectedEOF())
        except OSError as error:
            await self._process_op_err(error)
        except Exception as error:  # noqa: BLE001 - a client that reads no more is deaf
            _log.error("reading from NATS failed, and a new connection is made: %r", error)
            await self._process_op_err(error)
