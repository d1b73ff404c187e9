"""Reading: pull consumers on JetStream, partitions with one owner each, and core NATS."""

from .core import CoreReceiver
from .open import open_receiver
from .partitions import PartitionedReceiver
from .pull import PullReceiver

__all__ = [
    "CoreReceiver",
    "PartitionedReceiver",
    "PullReceiver",
    "open_receiver",
]
