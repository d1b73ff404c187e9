"""The documents of an Elasticsearch, read index by index, each at one point in time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from dms_events.errors import SinkError
from dms_events.sink import Inventory, StoredDocument, dataset_of

from .client import Connection, translated
from .names import Names

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

__all__ = ["ElasticsearchInventory"]

_PAGE: Final = 2_000
_PAGE_WITH_BODIES: Final = 100
"""A document may have a megabyte."""
_KEPT: Final = "5m"
_TIMES: Final = ("@timestamp", "event.ingested")
_MOST_HITS: Final = 10_000


class ElasticsearchInventory(Inventory):
    """Reads the indices of a prefix. Their names tell the types; no document is asked for its fields.

    Args:
        connection: not open; leaving closes it.
    """

    def __init__(self, connection: Connection, names: Names) -> None:
        self._connection = connection
        self._names = names

    async def __aenter__(self) -> Self:
        await self._connection.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def documents(
        self, types: Collection[str], *, bodies: bool = False
    ) -> AsyncGenerator[list[StoredDocument], None]:
        await self._refresh()
        datasets = tuple(f"{self._names.of(dataset_of(name))}-" for name in types)
        with translated("listing the indices"):
            found = await self._client.indices.resolve_index(
                name=self._names.indices, expand_wildcards="all"
            )
        for index in sorted(
            (each for each in found.body["indices"] if each["name"].startswith(datasets)),
            key=lambda each: str(each["name"]),
        ):
            if "closed" in index["attributes"]:
                raise SinkError(
                    f"the index {index['name']} is closed, so its documents cannot be read: open it"
                )
            async for page in self._documents_of(index["name"], bodies):
                yield page

    async def find(self, ids: Collection[str], *, bodies: bool = False) -> list[StoredDocument]:
        await self._refresh()
        with translated("looking up documents"):
            reply = await self._client.search(
                index=self._names.indices,
                size=_MOST_HITS,
                query={"ids": {"values": list(ids)}},
                allow_partial_search_results=False,
                **_fields(bodies),
            )
        return [_document(hit, bodies) for hit in reply.body["hits"]["hits"]]

    async def _documents_of(
        self, index: str, bodies: bool
    ) -> AsyncGenerator[list[StoredDocument], None]:
        with translated(f"reading {index}"):
            pit = (await self._client.open_point_in_time(index=index, keep_alive=_KEPT))["id"]
        try:
            after: list[Any] | None = None
            while True:
                with translated(f"reading {index}"):
                    reply = await self._client.search(
                        pit={"id": pit, "keep_alive": _KEPT},
                        size=_PAGE_WITH_BODIES if bodies else _PAGE,
                        sort=["_shard_doc"],
                        search_after=after,
                        track_total_hits=False,
                        allow_partial_search_results=False,
                        **_fields(bodies),
                    )
                pit = reply.body["pit_id"]
                hits = reply.body["hits"]["hits"]
                if not hits:
                    return
                after = hits[-1]["sort"]
                yield [_document(hit, bodies) for hit in hits]
        finally:
            with suppress(SinkError), translated(f"ending the reading of {index}"):
                await self._client.close_point_in_time(id=pit)

    async def _refresh(self) -> None:
        with translated("refreshing the indices"):
            await self._client.indices.refresh(index=self._names.indices)

    @property
    def _client(self) -> AsyncElasticsearch:
        return self._connection.client


def _fields(bodies: bool) -> dict[str, Any]:
    times = [{"field": field, "format": "epoch_millis"} for field in _TIMES]
    return {"source": bodies, "docvalue_fields": times}


def _document(hit: Mapping[str, Any], bodies: bool) -> StoredDocument:
    fields = hit.get("fields", {})
    times = [int(float(value)) for field in _TIMES for value in fields.get(field, ())]
    return StoredDocument(
        id=hit["_id"],
        index=hit["_index"],
        oldest_ms=min(times, default=None),
        body=msgspec.json.encode(hit["_source"]) if bodies else b"",
    )
