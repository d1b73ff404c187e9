"""Count shards: each type has an index for each month, and a cluster takes a limited number of shards."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["ShardCount"]


class ShardCount(msgspec.Struct, frozen=True, kw_only=True):
    """The shards that there are, and those to come."""

    used: int
    """Shards in the cluster, everybody's."""
    limit: int
    """``cluster.max_shards_per_node`` times the number of data nodes."""
    types: int
    """Types of which there are indices."""
    each: int
    """Shards that one type takes for a month, its replicas included."""

    @classmethod
    def of(cls, used: int, limit: int, types: int, options: dict[str, Any]) -> ShardCount:
        """Return the count under the settings of a new index."""
        shards = int(options.get("number_of_shards", 1))
        replicas = int(options.get("number_of_replicas", 1))
        return cls(used=used, limit=limit, types=types, each=shards * (1 + replicas))

    @property
    def months_left(self) -> int:
        """Months of these types for which there is room, if no index is deleted."""
        return max(0, self.limit - self.used) // max(1, self.types * self.each)
