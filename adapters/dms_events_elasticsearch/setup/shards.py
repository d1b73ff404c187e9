"""Count shards: each type has an index for each month, and a cluster takes a limited number of shards."""

from __future__ import annotations

from typing import Any

import msgspec

from ..names import Names
from .indices import types_of_indices
from .server import Server

__all__ = ["ShardCount", "count_shards"]


class ShardCount(msgspec.Struct, frozen=True, kw_only=True):
    """The shards that there are, and those to come."""

    used: int
    """Shards in the cluster, everybody's."""
    limit: int
    """``cluster.max_shards_per_node`` times the number of data nodes."""
    types: int
    """Types of which there are indices."""
    a_month: int
    """Shards that a month of these types takes."""

    @property
    def months_left(self) -> int:
        """Months for which there is room; none of the older indices is deleted."""
        return max(0, self.limit - self.used) // max(1, self.a_month)


async def count_shards(server: Server, names: Names, options: dict[str, Any]) -> ShardCount | None:
    """Return the count; None if the server does not tell, as Serverless.

    Args:
        server: asked for what it is.
        names: the names of the indices.
        options: the settings of a new index; see `settings_component`.
    """
    counted = await server.shards()
    if counted is None:
        return None
    indices = await server.indices(names)
    types = len({type_name for _, type_name in types_of_indices(names, indices)})
    copies = int(options.get("number_of_replicas", 1)) + 1
    each = int(options.get("number_of_shards", 1)) * copies
    used, limit = counted
    return ShardCount(used=used, limit=limit, types=types, a_month=types * each)
