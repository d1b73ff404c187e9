"""The forwarder: a durable subscription into a sink, each event settled after its own verdict."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .. import registry
from ..bus import Bus
from ..errors import ConfigError
from ..names import checked_root
from ..sink import Sink, why_not_storable
from ..transport import ACK_WAIT_S
from .document_writer import limits_of
from .handlers import Handler, Routes
from .policy import RetryPolicy
from .run import Ending, Settings
from .sink_run import SinkRun
from .sink_writer import SinkWriter
from .stats import Stats

__all__ = ["Forwarder"]


class Forwarder:
    """Moves the events of a subscription into a sink: nothing lost, nothing stored twice.

    It is a worker whose handler is the sink. A message is acknowledged after the sink judged its
    document stored or duplicate. It is kept as a dead letter if the sink refuses the document for good,
    and given back for a while if the sink takes the document later. While the sink takes nothing at all,
    the forwarder holds its messages, takes no more, and writes again (full-jitter backoff). An event
    that comes again, as a redelivery or published anew, is known by its identity among the last
    ``memory`` events; the sink knows older ones.

    Args:
        bus: an open bus whose transport acknowledges.
        sink: an open sink.
        durable: name of the durable consumer; forwarders that share it share the work.
        wanted: types or patterns, as for `Bus.subscribe`.
        batch: most documents in one write; the sink may ask for less.
        batch_bytes: a batch with so many bytes of payload is complete, however few its documents are.
        linger_s: how long an incomplete batch waits for more.
        writes: batches that may be with the sink at a time; the sink may ask for less.
        ack_wait_s: as for `Bus.subscribe`.
        memory: handled identities to remember, in 34 MB at most; less than 1,440,000 counts as 1,440,000.
        drain_s: how long writes may go on after `stop`; then they are cancelled.
        figures_every_s: how often the figures are logged, if they have changed.
        trust: roots of subjects under which only relays may publish. Documents from there say who signed
            the event (``dms.signer``) and whether its envelope names the same peer (``dms.verified``).
        give_up_s: how long the sink may take nothing; then `run` ends with an error. None for any time.

    Raises:
        ConfigError: the transport does not acknowledge, a number is out of range, one of the types holds
            a secret or has no fields of its own, or a root has no valid name.
    """

    def __init__(
        self,
        bus: Bus,
        sink: Sink,
        *,
        durable: str = "dms-events-sink",
        wanted: Iterable[type[msgspec.Struct] | str] = ("elk_stats.*",),
        batch: int = 1000,
        batch_bytes: int = 8 << 20,
        linger_s: float = 0.2,
        writes: int = 2,
        ack_wait_s: float = ACK_WAIT_S,
        memory: int = 1_440_000,
        drain_s: float = 8.0,
        figures_every_s: float = 60.0,
        trust: Iterable[str] = (),
        give_up_s: float | None = None,
    ) -> None:
        if not bus.guarantees.acknowledges:
            raise ConfigError("bus", "forwarding needs acknowledgements; connect with durable=True")
        most = limits_of(batch, batch_bytes, writes)
        wanted = tuple(wanted)
        _refuse_unstorable(wanted)
        settings = Settings(
            durable=durable,
            concurrency=writes,
            prefetch=min(10_000, batch),
            ack_wait_s=ack_wait_s,
            start=None,
            memory=memory,
            drain_s=drain_s,
            partitioned=False,
            must_exist=False,
            figures_every_s=figures_every_s,
        )
        self.stats = Stats()
        self._ending = Ending()
        roots = [checked_root(root, setting="trust") for root in trust]
        writer = SinkWriter(
            sink, most, self.stats, self._ending.stopping, trust=roots, give_up_s=give_up_s
        )
        handler = Handler(
            writer.outcomes,
            retry=RetryPolicy(),
            timeout_s=None,
            key=None,
            batch=batch,
            linger_s=linger_s,
            batch_bytes=batch_bytes,
            fatal=True,
        )
        handler.name = type(sink).__name__
        routes = Routes()
        routes.add(wanted, handler)
        self._run = SinkRun(bus, settings, handler, writer, routes, self._ending, self.stats)

    @property
    def not_ready(self) -> str:
        """The reason why no events are taken; empty if they are."""
        return self._run.not_ready

    def stop(self) -> None:
        """Make `run` finish the writes that are under way, give back the rest and return."""
        self._ending.stop()

    def drain(self) -> None:
        """Make `run` return as soon as all messages that are there are settled."""
        self._ending.draining = True

    async def run(self) -> Stats:
        """Forward until `stop`, or until `drain` is done; a forwarder runs once.

        Raises:
            ConfigError: the durable exists for other types.
            TransportError: the subscription ended for good.
            SinkBrokenError: the sink has to be mended, or took nothing for ``give_up_s``. Messages that
                it did not store are given back.
        """
        await self._run.work()
        return self.stats


def _refuse_unstorable(wanted: Iterable[type[msgspec.Struct] | str]) -> None:
    for one in wanted:
        for name in registry.matching(one if isinstance(one, str) else registry.name_of(one)):
            if reason := why_not_storable(name):
                raise ConfigError(
                    "wanted", f"{name} {reason}, which no sink may store; name other types"
                )
