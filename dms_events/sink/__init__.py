"""The seam of sinks, and the document that they store."""

from .document import call_key, document_of, documents_of
from .index import dataset_of, index_of
from .inventory import Inventory, StoredDocument, SupportsInventory
from .outcome import OUTCOMES, Outcome
from .path import path_of
from .reading import ReadableSink, in_batches
from .sink import (
    STORED,
    Document,
    Pace,
    Remark,
    Sink,
    SinkUnavailableError,
    SinkVerdict,
    Verdict,
)
from .storable import storable_types, why_not_storable
from .thread import SinkThread

__all__ = [
    "OUTCOMES",
    "STORED",
    "Document",
    "Inventory",
    "Outcome",
    "Pace",
    "ReadableSink",
    "Remark",
    "Sink",
    "SinkThread",
    "SinkUnavailableError",
    "SinkVerdict",
    "StoredDocument",
    "SupportsInventory",
    "Verdict",
    "call_key",
    "dataset_of",
    "document_of",
    "documents_of",
    "in_batches",
    "index_of",
    "path_of",
    "storable_types",
    "why_not_storable",
]
