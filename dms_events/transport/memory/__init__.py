"""The transport within one process, which needs no server."""

from .notes import MemoryKeyValue
from .transport import MemoryTransport

__all__ = ["MemoryKeyValue", "MemoryTransport"]
