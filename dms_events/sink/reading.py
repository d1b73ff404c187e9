"""Reading the documents of a sink, to carry them into another one."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator

from .sink import Document, Pace, Sink

__all__ = ["ReadableSink", "in_batches"]


class ReadableSink(Sink):
    """A sink whose documents can be read. It need not be open for that, and reading changes nothing."""

    @abstractmethod
    def documents(self) -> Iterator[Document]:
        """Yield all documents, with a bounded part of them in memory. It blocks: use a thread.

        Raises:
            SinkError: the store is not there, or cannot be read.
        """

    @abstractmethod
    def total(self) -> int:
        """Return the number of documents, for a progress bar. It blocks, and raises, as `documents`."""


async def in_batches(
    documents: Iterator[Document], pace: Callable[[], Pace]
) -> AsyncIterator[list[Document]]:
    """Yield documents in batches, each as large as ``pace`` asks for then. They are read in a thread."""
    while batch := await asyncio.to_thread(_batch, documents, pace()):
        yield batch


def _batch(documents: Iterator[Document], pace: Pace) -> list[Document]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.body)
        if len(batch) >= pace.batch or size >= pace.batch_bytes:
            break
    return batch
