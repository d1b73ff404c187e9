"""The Elasticsearch sink of dms-events: bulk writes with a verdict for each document."""

from .manage import SetupReport, apply_setup, check_setup
from .setup import Difference, ElasticsearchSetup, ShardCount
from .sink import ElasticsearchSink

__all__ = [
    "Difference",
    "ElasticsearchSetup",
    "ElasticsearchSink",
    "SetupReport",
    "ShardCount",
    "apply_setup",
    "check_setup",
]
