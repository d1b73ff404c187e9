"""Kibana dashboards of the stats events: as a file to import, or installed into a Kibana."""

from .dashboards import all_dashboards
from .ndjson import dumps, objects
from .queries import request
from .server import Difference, Kibana, KibanaError, Outcome, check, install

__all__ = [
    "Difference",
    "Kibana",
    "KibanaError",
    "Outcome",
    "all_dashboards",
    "check",
    "dumps",
    "install",
    "objects",
    "request",
]
