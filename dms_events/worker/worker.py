"""The worker: handlers for messages, of a durable or at most once, with retries and a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

import msgspec

from ..bus import Bus
from ..errors import ConfigError
from ..transport import ACK_WAIT_S
from ..urls import connect
from .handlers import Handler, Routes
from .hooks import Hooks
from .ledger import Ledger
from .policy import RetryPolicy
from .replies import Replies
from .run import Ending, Run, Settings
from .settlement import InFlight
from .signals import on_signals
from .stats import Stats
from .typing import Key, Options, Register, Wanted

if TYPE_CHECKING:
    from ..types.network_config import NetworkConfig

__all__ = ["NO_HANDLER", "Worker"]

NO_HANDLER = "it has no handler; add one with @worker.on(Type) or @worker.reply(Type)"

A = TypeVar("A", bound=msgspec.Struct)
B = TypeVar("B", bound=msgspec.Struct)
H = TypeVar("H", bound=Callable[[], Awaitable[None]])


class Worker(Replies):
    """Handles the messages of one durable, or at most once without one, with async functions.

        worker = dms_events.Worker(durable="billing")

        @worker.on(ServiceCall, attempts=6)
        async def bill(event: ServiceCall, message: dms_events.Message) -> None: ...

        await worker.run("nats://127.0.0.1:4222")    # or: dms-events worker billing:worker

    When a handler returns, its message is acknowledged, unless it returns `Again` or `Dead`. When it
    raises, its message is delivered again later (`on` says how often), then kept as a dead letter;
    ``raise dms_events.Reject(...)`` keeps it at once. Delivery is at least once, but no event is handled
    twice while the worker lives: it remembers the identities that it handled. Messages that were
    delivered before for an unknown reason are handled apart. So a message that kills its process is
    found, and becomes a dead letter.

    Workers that share a durable share its messages.

    Without a durable a worker runs at most once, on any transport, gossip and core NATS included. Each
    such worker gets every message, nothing is stored, and retries wait in this process. A message that
    is given up is logged and passed to `on_error` of `connect`, not kept. After `stop` the messages that
    have arrived are handled for up to ``drain_s``; the rest are lost and counted.

    A worker answers requests too, with `reply`. A worker that only answers requests needs no durable.

    Args:
        durable: name of the durable consumer; None for at most once.
        concurrency: handlers that run at a time.
        prefetch: messages asked for ahead.
        ack_wait_s: after so long without a sign of life from this worker, others get its messages.
        start: as for `Bus.subscribe`; ``"all"`` needs a durable.
        memory: handled identities to remember, in 34 MB at most; less than 1,440,000 counts as 1,440,000.
        drain_s: how long handlers may go on after `stop`; then they are cancelled and their messages
            given back, which spends no attempt.
        partitioned: needs a durable. One worker at a time has all messages of a partition of the
            sources, so a ``key`` that follows from the source keeps its order across workers
            (docs/workers.md).
        must_exist: needs a durable. A durable that does not exist is an error, and is not created.
        figures_every_s: how often the figures are logged, if they have changed.

    Raises:
        ConfigError: a number is out of range, or an argument needs a durable.
    """

    def __init__(
        self,
        durable: str | None = None,
        *,
        concurrency: int = 10,
        prefetch: int = 500,
        ack_wait_s: float = ACK_WAIT_S,
        start: Literal["all", "new"] | None = None,
        memory: int = 1_440_000,
        drain_s: float = 20.0,
        partitioned: bool = False,
        must_exist: bool = False,
        figures_every_s: float = 60.0,
    ) -> None:
        self.settings = Settings(
            durable=durable,
            concurrency=concurrency,
            prefetch=prefetch,
            ack_wait_s=ack_wait_s,
            start=start,
            memory=memory,
            drain_s=drain_s,
            partitioned=partitioned,
            must_exist=must_exist,
            figures_every_s=figures_every_s,
        )
        """May be changed until `run`."""
        super().__init__()
        self.stats = Stats()
        self._routes = Routes()
        self._ledger: Ledger[InFlight] = Ledger(memory)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hooks = Hooks()
        self._bus: Bus | None = None
        self._ending = Ending()

    @overload
    def on(
        self, type_: type[A], /, *, key: Key[A] = ..., **more: Unpack[Options]
    ) -> Register[A]: ...
    @overload
    def on(
        self, type_: type[A], other: type[B], /, *, key: Key[A | B] = ..., **more: Unpack[Options]
    ) -> Register[A | B]: ...
    @overload
    def on(
        self, pattern: str, /, *wanted: Wanted, key: Key[Any] = ..., **more: Unpack[Options]
    ) -> Register[Any]: ...
    @overload
    def on(
        self,
        type_: type[msgspec.Struct],
        pattern: str,
        /,
        *wanted: Wanted,
        key: Key[Any] = ...,
        **more: Unpack[Options],
    ) -> Register[Any]: ...
    @overload
    def on(
        self,
        type_: type[msgspec.Struct],
        other: type[msgspec.Struct],
        third: Wanted,
        /,
        *wanted: Wanted,
        key: Key[Any] = ...,
        **more: Unpack[Options],
    ) -> Register[Any]: ...
    def on(
        self,
        *wanted: Wanted,
        attempts: int = 5,
        backoff_s: float = 1.0,
        backoff_max_s: float = 300.0,
        timeout_s: float | None = 300.0,
        key: Callable[[Any], Hashable] | None = None,
        batch: int | None = None,
        linger_s: float = 0.2,
    ) -> Any:
        """Handle types, or patterns such as ``"elk_stats.*"``; the more exact one has precedence.

        The function takes an event, or an event and its message; with ``batch``, a list of messages. It
        returns None, or an outcome (`Done`, `Again`, `Dead`); with ``batch``, None or one outcome for
        each message. It stays as it is, so a test can call it.

        Args:
            wanted: types or patterns.
            attempts: how often the handler may raise on a message before it becomes a dead letter.
            backoff_s: the wait before attempt n + 1 is drawn evenly from 0 to backoff_s × 2ⁿ⁻¹ s.
            backoff_max_s: upper limit of that wait.
            timeout_s: after so long a handler is cancelled, which counts as a raise; None for never.
            key: events of equal keys are handled one after the other, in the order in which they came;
                an event that waits for its next attempt holds up only the events of its own key.
            batch: most messages of a call. If its handler raises, the messages of the batch are handled
                again one by one, and only that spends attempts.
            linger_s: how long a batch waits for more messages.

        Raises:
            UnknownTypeError: a type or pattern names nothing.
            ConfigError: a type or pattern has a handler already, the function cannot be called so or is
                annotated for something else, or a number is out of range.
        """
        for one in wanted:
            if not isinstance(one, str | type):
                reason = f"{one!r} is neither a type nor a pattern; write @worker.on(Type) above it"
                raise ConfigError("on", reason)
        retry = RetryPolicy(attempts=attempts, backoff_s=backoff_s, backoff_max_s=backoff_max_s)

        def register(
            function: Callable[..., Awaitable[object]],
        ) -> Callable[..., Awaitable[object]]:
            handler = Handler(
                function, retry=retry, timeout_s=timeout_s, key=key, batch=batch, linger_s=linger_s
            )
            self._routes.add(wanted, handler)
            return function

        return register

    def on_startup(self, function: H) -> H:
        """Call an async function before the first message, with `bus` open."""
        self._hooks.startup.append(function)
        return function

    def on_shutdown(self, function: H) -> H:
        """Call an async function after the last message, with `bus` still open; the last added first."""
        self._hooks.shutdown.append(function)
        return function

    @property
    def durable(self) -> str | None:
        """The name of the durable; None if messages are handled at most once."""
        return self.settings.durable

    @property
    def handlers(self) -> dict[str, str]:
        """The names of the handler functions, by type or pattern."""
        return self._routes.names

    @property
    def bus(self) -> Bus:
        """The bus of `run`, for handlers that publish. Raises ConfigError if the worker does not run."""
        if self._bus is None:
            raise ConfigError("bus", "exists only while the worker runs")
        return self._bus

    def stop(self) -> None:
        """Make `run` take no more messages, finish those being handled, give back the rest and return."""
        self._ending.stop()

    def drain(self) -> None:
        """Make `run` return as soon as all messages that are there are settled."""
        self._ending.draining = True

    async def run(self, where: str | NetworkConfig | Bus, **options: Any) -> Stats:
        """Handle messages until `stop`, or until `drain` is done; return the figures.

        It may run again, also in another event loop; each run has its own figures.

        Args:
            where: an open bus; or a URL or NetworkConfig for `connect`, whose bus is open during this
                call. Then, in the main thread, SIGTERM or SIGINT does the same as `stop`, a second
                signal cancels this call, and a third ends the process.
            options: options of `connect`; none with an open bus.

        Raises:
            ConfigError: there is no handler, a durable is named on a transport that does not
                acknowledge, the durable exists for other types, or options are given with an open bus.
            TransportError: nothing answers, or the subscription ended for good.
        """
        if isinstance(where, Bus):
            if options:
                raise ConfigError(
                    ", ".join(options),
                    "the bus is open already; give these options to its `connect`",
                )
            return await self._run(where)
        with on_signals(self.stop):
            async with connect(where, **options) as bus:
                return await self._run(bus)

    async def _run(self, bus: Bus) -> Stats:
        if not (self.handlers or self.replies):
            raise ConfigError("worker", NO_HANDLER)
        if self.handlers and self.durable is not None and not bus.guarantees.acknowledges:
            reason = (
                f"{self.durable!r} needs acknowledgements, but this transport stores nothing: leave the "
                "durable out for a worker at most once, or connect to NATS with durable=True"
            )
            raise ConfigError("durable", reason)
        if self._bus is not None:
            raise ConfigError("worker", "this worker runs already")
        self._bus = bus
        self._remember()
        stats = self.stats = Stats()
        run = Run(bus, self.settings, self._routes, self._ledger, self._ending, stats)
        try:
            work = run.work if self.handlers else self._ending.wait
            async with self._hooks.around():
                drain_s = self.settings.drain_s
                await self._answer_beside(work(), bus, self._ending, stats, drain_s)
        finally:
            self._bus = None
            self._ending = Ending()  # the next run may be in another event loop
        return stats

    def _remember(self) -> None:
        """Remember handled events over the runs of one event loop; forget them in another loop."""
        before, self._loop = self._loop, asyncio.get_running_loop()
        if before is not self._loop:
            self._ledger = Ledger(self.settings.memory)
        self._ledger.in_hand.clear()
