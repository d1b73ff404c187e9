"""The embedded sink of dms-events: documents in one SQLite file."""

from ._sink import SqliteSink

__all__ = ["SqliteSink"]
