"""Kibana dashboards of the stats events: as a file to import, or installed into a Kibana."""

from .dashboards import all_dashboards
from .ndjson import dumps, objects
from .queries import search_body
from .server import Difference, InstallReport, Kibana, KibanaError, check, install

__all__ = [
    "Difference",
    "InstallReport",
    "Kibana",
    "KibanaError",
    "all_dashboards",
    "check",
    "dumps",
    "install",
    "objects",
    "search_body",
]
