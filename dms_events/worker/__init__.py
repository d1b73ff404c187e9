"""From a subscription to an outcome for each message: workers with handlers, forwarder and relay."""

from .backfill import Backfill
from .forwarder import Forwarder
from .outcome import Again, Dead, Done, Outcome
from .relay import Relay
from .stats import Stats
from .tally import RelayTally
from .worker import Worker

__all__ = [
    "Again",
    "Backfill",
    "Dead",
    "Done",
    "Forwarder",
    "Outcome",
    "Relay",
    "RelayTally",
    "Stats",
    "Worker",
]
