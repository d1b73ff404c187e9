"""Compare the events of a stream with the documents of a sink, or follow one of them."""

from .audit import Audit
from .findings import FAULTS, Finding, Kind, Month, Reason, Summary
from .trace import Sighting, State, Trace, trace

__all__ = [
    "FAULTS",
    "Audit",
    "Finding",
    "Kind",
    "Month",
    "Reason",
    "Sighting",
    "State",
    "Summary",
    "Trace",
    "trace",
]
