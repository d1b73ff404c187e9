"""Compare the events of a stream with the documents of a sink."""

from .audit import Audit
from .findings import FAULTS, Finding, Kind, Month, Reason, Summary

__all__ = ["FAULTS", "Audit", "Finding", "Kind", "Month", "Reason", "Summary"]
