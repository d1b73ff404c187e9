"""Documents that may be stored, since the answer about them was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dms_events.sink import Document, SinkVerdict, Verdict

__all__ = ["LostAnswers"]

_MOST = 100_000


class LostAnswers:
    """Remembers their ids until they have a final verdict: the last 100,000, in about 15 MB."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def add(self, documents: Iterable[Document]) -> None:
        """Remember that an answer was lost."""
        for document in documents:
            self._ids[document.id] = None
        while len(self._ids) > _MOST:
            del self._ids[next(iter(self._ids))]

    def settle(self, documents: Sequence[Document], verdicts: Sequence[SinkVerdict | None]) -> None:
        """Forget the documents with a final verdict."""
        if self._ids:
            for document, verdict in zip(documents, verdicts, strict=True):
                if verdict is not None and verdict.verdict is not Verdict.RETRY:
                    self._ids.pop(document.id, None)
