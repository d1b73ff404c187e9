"""Set up a server: its templates, settings and policy, and the indices that exist."""

from .compare import Difference, State
from .declaration import ElasticsearchSetup
from .install import install
from .reconcile import Reconciliation
from .server import Server
from .shards import ShardCount, count_shards

__all__ = [
    "Difference",
    "ElasticsearchSetup",
    "Reconciliation",
    "Server",
    "ShardCount",
    "State",
    "count_shards",
    "install",
]
