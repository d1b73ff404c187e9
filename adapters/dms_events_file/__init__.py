"""The file sink of dms-events: documents as lines of JSON, on disk before they are judged stored."""

from .sink import FileSink

__all__ = ["FileSink"]
