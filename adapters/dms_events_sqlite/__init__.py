"""The embedded sink of dms-events: documents in one SQLite file."""

from .sink import SqliteSink

__all__ = ["SqliteSink"]
