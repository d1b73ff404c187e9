"""From a subscription to an outcome for each message: workers with handlers, forwarder and relay."""

from .forwarder import Forwarder
from .relay import Relay
from .tally import RelayTally, Tally, WorkerTally
from .worker import Worker

__all__ = [
    "Forwarder",
    "Relay",
    "RelayTally",
    "Tally",
    "Worker",
    "WorkerTally",
]
