"""Reading: pull consumers on JetStream, partitions with one owner each, and core NATS."""

from .core import CoreInbox
from .open import open_inbox
from .partitions import OwnedInbox
from .pull import PullInbox

__all__ = [
    "CoreInbox",
    "OwnedInbox",
    "PullInbox",
    "open_inbox",
]
