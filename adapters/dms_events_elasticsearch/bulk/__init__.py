"""Bulk requests: documents as bytes, requests of a size that gets through, answers as verdicts."""

from .send import Sender
from .writer import BulkWriter

__all__ = ["BulkWriter", "Sender"]
