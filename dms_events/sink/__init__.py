"""The seam of sinks, and the document that they store."""

from .document import call_key, dataset_of, document_of, index_of
from .sink import Document, Judgement, Sink, Verdict

__all__ = [
    "Document",
    "Judgement",
    "Sink",
    "Verdict",
    "call_key",
    "dataset_of",
    "document_of",
    "index_of",
]
