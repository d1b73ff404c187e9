"""Notes of a durable's readers in the memory of this process."""

from __future__ import annotations

from ..capabilities import KeyValue

__all__ = ["MemoryKeyValue"]


class MemoryKeyValue(KeyValue):
    """Notes that last as long as this object."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self._values.get(key)

    async def put(self, key: str, value: bytes) -> None:
        self._values[key] = value

    async def delete(self, key: str) -> None:
        self._values.pop(key, None)
