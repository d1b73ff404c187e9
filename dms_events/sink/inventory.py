"""What an audit needs of a sink: all of its documents, and the documents of given ids.

A sink may inherit `SupportsInventory`. Whatever reads an inventory changes nothing in the store.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager

import msgspec

__all__ = ["Inventory", "StoredDocument", "SupportsInventory"]


class StoredDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A document as a store has it."""

    id: str
    index: str
    """The name of its index in the store; see `Document.index`."""
    oldest_ms: int | None
    """The earlier one of its time and ``event.ingested``, in ms since 1970; None if it has neither."""
    body: bytes = b""
    """The JSON document; empty if bodies were not asked for."""


class Inventory(ABC):
    """The documents of a store, to read."""

    @abstractmethod
    def documents(
        self, types: Collection[str], *, bodies: bool = False
    ) -> AsyncGenerator[list[StoredDocument], None]:
        """Yield all documents of some types, in pages of bounded size and in any order.

        Documents that are stored meanwhile may be left out. All copies of an id are yielded.

        Raises:
            SinkError: the store cannot be read, or not all of it.
        """

    @abstractmethod
    async def find(self, ids: Collection[str], *, bodies: bool = False) -> list[StoredDocument]:
        """Return all documents that have one of at most 100 ids, of any type, the latest included.

        Raises:
            SinkError: the store cannot be read, or not all of it.
        """


class SupportsInventory(ABC):
    """A sink that can be audited."""

    @abstractmethod
    def inventory(self) -> AbstractAsyncContextManager[Inventory]:
        """Open the store to read it. The sink itself needs not be open; nothing is made or changed.

        Raises:
            SinkError: the store is not there, or cannot be read.
            ConfigError: as `Sink.open`.
        """
