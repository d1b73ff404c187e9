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

    A handler that returns has its message acknowledged, unless it returns `Again` or `Dead`. One that
    raises has it delivered again later (`on` says how often), then kept as a dead letter; ``raise
    dms_events.Reject(...)`` keeps it at once. Delivery is at least once, but no event is handled twice
    while the worker lives: it remembers the identities that it handled. Messages that were delivered
    before, nobody knows why, are handled apart, so that one which kills its process is found out, and
    ends as a dead letter.

    Workers that share a durable share its messages.

    Without a durable a worker runs on any transport, gossip and core NATS included, at most once: each
    such worker gets every message, nothing is stored, retries wait in this process, and what is given up
    is logged and told to `on_error` of `connect`, not kept. After `stop` what has arrived is handled for
    up to ``drain_s``; the rest is lost and counted.

    A worker answers requests too, with `reply`. One that does nothing else needs no durable.

    Args:
        durable: name of the durable consumer; None for at most once.
        concurrency: handlers that run at a time.
        prefetch: messages asked for ahead.
        ack_wait_s: after so long without a sign of life from this process, others get its messages.
        start: as for `Bus.subscribe`; ``"all"`` takes a durable.
        memory: handled identities to remember, in 34 MB at most; less than 1,440,000 counts as that.
        drain_s: how long handlers may go on after `stop`; then they are cancelled and their messages
            given back, which spends no attempt.
        partitioned: takes a durable; of each part of the sources one worker at a time has the messages,
            so that a ``key`` which follows from the source keeps its order across workers
            (docs/workers.md).
        must_exist: takes a durable; one that is not there is an error, and not made.
        figures_every_s: how often the figures are logged, where they have changed.

    Raises:
        ConfigError: a number is out of range, or an argument takes a durable.
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
            attempts: how often it may raise on a message before that is a dead letter.
            backoff_s: the wait before attempt n + 1 is drawn evenly from 0 to backoff_s × 2ⁿ⁻¹ s.
            backoff_max_s: upper limit of that wait.
            timeout_s: after so long a handler is cancelled, which counts as a raise; None for never.
            key: events of equal keys are handled one after the other, in the order in which they came;
                one that waits for its next attempt holds up those of its key only.
            batch: most messages of a call. A batch whose handler raises is handled again one by one, and
                only that spends attempts.
            linger_s: how long a batch waits for more messages.

        Raises:
            UnknownTypeError: a type or pattern names nothing.
            ConfigError: it has a handler already, the function cannot be called so or is annotated for
                something else, or a number is out of range.
        """
        for one in wanted:
            if not isinstance(one, str | type):
                reason = (
                    f"{one!r} is no type and no pattern; write @worker.on(Type) above a handler"
                )
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
        """The name of the durable; None at most once."""
        return self.settings.durable

    @property
    def handlers(self) -> dict[str, str]:
        """The name of the function for each type or pattern that has one."""
        return self._routes.names

    @property
    def bus(self) -> Bus:
        """The bus of `run`, for handlers that publish; a ConfigError while the worker does not run."""
        if self._bus is None:
            raise ConfigError("bus", "there is one while the worker runs")
        return self._bus

    def stop(self) -> None:
        """Have `run` take nothing more, finish what is being handled, give back the rest and return."""
        self._ending.stop()

    def drain(self) -> None:
        """Have `run` return as soon as everything that is there is settled."""
        self._ending.draining = True

    async def run(self, where: str | NetworkConfig | Bus, **options: Any) -> Stats:
        """Handle messages until `stop`, or after `drain`; returns what was done.

        It may run again, also in another event loop; each run has its own figures.

        Args:
            where: an open bus; or what `connect` takes, to which a bus is opened for the time. Then, in
                the main thread, SIGTERM or SIGINT does what `stop` does, a second one cancels this call,
                and a third ends the process.
            options: as for `connect`, with what it takes.

        Raises:
            ConfigError: there is no handler, a durable is named on a transport that does not
                acknowledge, the durable exists for other types, or options are given with an open bus.
            TransportError: nothing answers, or the subscription ended for good.
        """
        if isinstance(where, Bus):
            if options:
                raise ConfigError(
                    ", ".join(options), "the bus is open already; give this to its `connect`"
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
                f"{self.durable!r} needs acknowledgements, and nothing is stored here: leave the durable "
                "out for a worker at most once, or connect to NATS with durable=True"
            )
            raise ConfigError("durable", reason)
        if self._bus is not None:
            raise ConfigError("worker", "it runs already")
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
        """Keep what was handled in mind over the runs of one event loop; another loop is another life."""
        before, self._loop = self._loop, asyncio.get_running_loop()
        if before is not self._loop:
            self._ledger = Ledger(self.settings.memory)
        self._ledger.in_hand.clear()
