"""From a durable to an outcome for each message: workers with handlers, and the forwarder to a sink."""

from .forwarder import Forwarder
from .tally import Tally, WorkerTally
from .worker import Worker

__all__ = [
    "Forwarder",
    "Tally",
    "Worker",
    "WorkerTally",
]
