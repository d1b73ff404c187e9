"""Set up a server: its templates, settings and policy, and the indices that exist."""

from .cluster import Cluster
from .compare import Difference, State
from .declaration import ElasticsearchSetup
from .install import install
from .reconcile import Reconciliation
from .shards import ShardCount

__all__ = [
    "Cluster",
    "Difference",
    "ElasticsearchSetup",
    "Reconciliation",
    "ShardCount",
    "State",
    "install",
]
