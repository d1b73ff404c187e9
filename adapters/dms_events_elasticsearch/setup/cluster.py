"""Read and write what a server holds of the setup: policy, templates, indices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dms_events.errors import SinkError

from ..client import translated
from ..names import Names
from .compare import flat

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

__all__ = ["Cluster", "Index"]

_TEMPLATES = "index_templates.name,index_templates.index_template"
_COMPONENTS = "component_templates.name,component_templates.component_template"
_INDICES = "*.aliases,*.mappings.dynamic,*.mappings.properties,*.settings.index"

_SHARD_LIMIT = "cluster.max_shards_per_node"


class Index(msgspec.Struct, frozen=True):
    """An index as the server describes it."""

    aliases: dict[str, Any] = {}
    mappings: dict[str, Any] = {}
    settings: dict[str, Any] = {}

    @property
    def properties(self) -> dict[str, Any]:
        """The mapping of the fields."""
        found: dict[str, Any] = self.mappings.get("properties", {})
        return found

    @property
    def options(self) -> dict[str, Any]:
        """The settings, without the word ``index`` before them."""
        found: dict[str, Any] = self.settings.get("index", {})
        return found


class Cluster:
    """A cluster, as the setup sees it.

    Args:
        client: connected.
        serverless: True on Elasticsearch Serverless, which has no policies, shards and replicas.
    """

    def __init__(self, client: AsyncElasticsearch, *, serverless: bool) -> None:
        self._client = client
        self.serverless = serverless

    async def has_policies(self) -> bool:
        """True if the server keeps lifecycle policies; Serverless and some distributions do not."""
        if self.serverless:
            return False
        try:
            with translated("reading the policies"):
                await self._client.ilm.get_lifecycle()
        except SinkError as error:
            if "no handler found" in str(error):
                return False
            raise
        return True

    async def policy(self, name: str) -> dict[str, Any] | None:
        """Return a lifecycle policy; None if there is none."""
        from elasticsearch import NotFoundError

        with translated(f"reading the policy {name}"):
            try:
                reply = await self._client.ilm.get_lifecycle(name=name)
            except NotFoundError:
                return None
        found: dict[str, Any] = reply.body[name]["policy"]
        return found

    async def put_policy(self, name: str, policy: Mapping[str, Any]) -> None:
        """Make or replace a lifecycle policy."""
        with translated(f"installing the policy {name}"):
            await self._client.ilm.put_lifecycle(name=name, policy=policy)

    async def components(self) -> dict[str, dict[str, Any]]:
        """Return all component templates, by name."""
        with translated("reading the component templates"):
            reply = await self._client.cluster.get_component_template(filter_path=_COMPONENTS)
        return {
            e["name"]: e["component_template"] for e in reply.body.get("component_templates", ())
        }

    async def put_component(self, name: str, body: Mapping[str, Any]) -> None:
        """Make or replace a component template."""
        with translated(f"installing the component template {name}"):
            await self._client.cluster.put_component_template(name=name, body=dict(body))

    async def templates(self) -> dict[str, dict[str, Any]]:
        """Return all index templates, by name."""
        with translated("reading the index templates"):
            reply = await self._client.indices.get_index_template(filter_path=_TEMPLATES)
        return {e["name"]: e["index_template"] for e in reply.body.get("index_templates", ())}

    async def put_templates(self, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """Make or replace index templates, many at a time: the server takes them as one change."""

        async def put(name: str, body: Mapping[str, Any]) -> None:
            with translated(f"installing the index template {name}"):
                await self._client.indices.put_index_template(name=name, body=dict(body))

        results = await asyncio.gather(
            *(put(name, body) for name, body in bodies.items()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def indices(self, names: Names) -> dict[str, Index]:
        """Return all indices of a prefix, by name."""
        with translated("reading the indices"):
            reply = await self._client.indices.get(index=names.indices, filter_path=_INDICES)
        return {name: msgspec.convert(found, Index) for name, found in reply.body.items()}

    async def add_fields(self, index: str, fields: Mapping[str, Any]) -> None:
        """Add fields to an index, or change fields that can be changed."""
        with translated(f"adding fields to {index}"):
            await self._client.indices.put_mapping(index=index, properties=fields)

    async def make_strict(self, index: str) -> None:
        """Have an index refuse fields that its mapping does not name."""
        with translated(f"making the mapping of {index} strict"):
            await self._client.indices.put_mapping(index=index, dynamic="strict")

    async def set_options(self, index: str, options: Mapping[str, Any]) -> None:
        """Set settings of an index, by their path after ``index.``."""
        with translated(f"setting {', '.join(options)} of {index}"):
            await self._client.indices.put_settings(index=index, settings={"index": options})

    async def add_aliases(self, index: str, aliases: list[str]) -> None:
        """Add aliases to an index."""
        actions = [{"add": {"index": index, "alias": alias}} for alias in aliases]
        with translated(f"adding the aliases of {index}"):
            await self._client.indices.update_aliases(actions=actions)

    async def shards(self) -> tuple[int, int] | None:
        """Return the number of shards there are and may be; None if the server does not tell."""
        if self.serverless:
            return None
        with translated("counting the shards"):
            stats = await self._client.cluster.stats(
                filter_path="indices.shards.total,nodes.count.data_content,nodes.count.data_hot"
            )
            limits = await self._client.cluster.get_settings(
                include_defaults=True, filter_path=f"*.{_SHARD_LIMIT}"
            )
        nodes = max(stats.body.get("nodes", {}).get("count", {}).values(), default=0)
        # What is set for a while goes before what is set for good, and both before the default.
        given = flat(limits.body)
        levels = (f"{level}.{_SHARD_LIMIT}" for level in ("transient", "persistent", "defaults"))
        limit = next((int(given[level]) for level in levels if level in given), 0)
        used = stats.body.get("indices", {}).get("shards", {}).get("total", 0)
        return (used, limit * nodes) if limit and nodes else None
