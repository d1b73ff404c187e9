"""The declaration of a setup."""

from __future__ import annotations

from typing import Any

import msgspec

from dms_events.errors import ConfigError

from ..names import DEFAULT_PREFIX, Names

__all__ = ["ElasticsearchSetup"]


class ElasticsearchSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be installed beside the templates. A setting that is left out is not touched.

    Raises:
        ConfigError: a value is out of range.
    """

    prefix: str = DEFAULT_PREFIX
    """First part of all names."""
    shards: int | None = None
    """Primary shards of an index; at least 1. Counts for new indices."""
    replicas: int | None = None
    """Copies of each shard; at least 0."""
    retention_days: int | None = None
    """Days after the end of an index's month until it is deleted; at least 1."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("shards", self.shards, 1),
            ("replicas", self.replicas, 0),
            ("retention", self.retention_days, 1),
        ):
            if value is not None and value < least:
                raise ConfigError(name, f"must be at least {least}, not {value}")

    @property
    def names(self) -> Names:
        """The names under the prefix."""
        return Names(self.prefix)

    def options(self, found: dict[str, Any], *, policies: bool) -> dict[str, Any]:
        """Return the settings ``found`` on the server with those that are declared.

        Args:
            policies: True if the server keeps lifecycle policies.
        """
        given: dict[str, Any] = dict(found)
        if self.shards is not None:
            given["number_of_shards"] = str(self.shards)
        if self.replicas is not None:
            given["number_of_replicas"] = str(self.replicas)
        if self.retention_days is not None and policies:
            given["lifecycle"] = {**found.get("lifecycle", {}), "name": self.names.policy}
        return given
