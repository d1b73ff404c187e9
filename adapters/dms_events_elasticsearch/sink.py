"""The Elasticsearch sink: split a batch, encode it, send it, judge each document."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from dms_events.errors import ConfigError, SinkError
from dms_events.sink import Document, Pace, Sink, SinkUnavailableError, SinkVerdict, Verdict

from .client import check_version, make_client, need_client, read_url, translated
from .encode import encode, halves, split
from .judge import Obstacle, Refused, judge, overloaded
from .months import Months
from .names import DEFAULT_PREFIX, Names
from .setup import Server, install

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

__all__ = ["ElasticsearchSink"]

_PAUSE_S = 0.1
_PAUSE_MAX_S = 30.0
_NEEDED = "error,status,items.*._id,items.*.status,items.*.error,items.*.failure_store"


class ElasticsearchSink(Sink):
    """Stores documents in monthly indices of an Elasticsearch 9, each under its event's identity.

    A document is created, or is there already; it is never overwritten. The sink itself neither retries
    nor waits: a document that may be stored later is judged RETRY, and the caller writes it again. If a
    whole request fails for a reason that passes, SinkUnavailableError is raised.

    An index that is blocked or cannot be made gives RETRY (maintenance, a full disk, the limit of
    shards). A closed index gives REJECTED: closing it is a lasting decision, and a late event must not
    wait until somebody opens it.

    Args:
        url: ``http://[user:password@]host:port`` or ``https://…``.
        api_key: an Elasticsearch API key, as the server encodes it.
        basic_auth: user and password, if they are not in the URL.
        ca_certs: file of the certificates to trust instead of the system's; for https.
        max_bulk_bytes: most bytes in one request; a larger document travels alone.
        timeout_s: how long one request may take.
        prefix: first part of the names of indices, templates and aliases.

    Raises:
        ConfigError: the URL is incomplete, there is more than one way to log in, or no name may begin
            with the prefix.
        ExtraNotInstalledError: the Elasticsearch client is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        basic_auth: tuple[str, str] | None = None,
        ca_certs: str | None = None,
        max_bulk_bytes: int = 5_000_000,
        timeout_s: float = 30.0,
        prefix: str = DEFAULT_PREFIX,
    ) -> None:
        need_client()
        self._place, own_auth = read_url(url)
        if sum(way is not None for way in (own_auth, api_key, basic_auth)) > 1:
            raise ConfigError("api_key", "give one of user and password, basic_auth and api_key")
        options = {"api_key": api_key, "basic_auth": own_auth or basic_auth, "ca_certs": ca_certs}
        self._options: dict[str, Any] = {k: v for k, v in options.items() if v is not None}
        self._options["request_timeout"] = timeout_s
        self._max_bulk_bytes = max_bulk_bytes
        self._names = Names(prefix)
        self._client: AsyncElasticsearch | None = None
        self._months: Months | None = None
        self._overloads = 0
        """Answers in a row that put documents off because the server is overloaded."""
        self._pause_until = 0.0

    async def open(self) -> None:
        """Connect, and install the index templates that are missing or older than ours.

        A template of the same name that is not ours stays as it is. Existing indices get the fields
        that they lack, and keep the mapping of all others.

        Raises:
            SinkError: nothing answers, or templates or mappings cannot be read or written.
            ConfigError: the server is older than 9, an option cannot work, or a template of somebody
                else takes our indices.
        """
        client = make_client(self._place, self._options)
        try:
            await check_version(client)
            server = await Server.asked(client)
            await install(server, self._names)
        except BaseException:
            await client.close()
            raise
        self._client = client
        self._months = Months(client, dated=not server.serverless)

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        """Store a batch; one verdict for each document, in the same order.

        A request that is refused for one of its documents is sent again in halves, until that
        document is alone and REJECTED.

        Raises:
            SinkUnavailableError: a request failed for a reason that passes; the error has the verdicts
                of the requests before it.
            SinkError: the sink is not open, or the answer does not belong to these documents.
        """
        client, months = self._opened(), self._months
        assert months is not None
        if self._names.prefix != DEFAULT_PREFIX:
            batch = [msgspec.structs.replace(d, index=self._names.index(d.index)) for d in batch]
        verdicts: list[SinkVerdict] = []
        waiting = deque(split(batch, self._max_bulk_bytes))
        while waiting:
            documents = waiting.popleft()
            try:
                await months.ensure(document.index for document in documents)
                reply = await _send(client, documents)
                judged = judge(documents, reply)
                verdicts += judged
                self._pause_after(judged, reply)
            except Refused as refused:
                if len(documents) == 1:
                    verdicts.append(SinkVerdict(Verdict.REJECTED, str(refused)))
                else:
                    waiting.extendleft(reversed(halves(documents)))
            except Obstacle as obstacle:
                raise SinkUnavailableError(str(obstacle), verdicts) from obstacle
        return verdicts

    def pace(self, most: Pace) -> Pace:
        """Return the caller's own setting ``most``, with a pause while the server is overloaded."""
        return msgspec.structs.replace(most, pause_s=max(0.0, self._pause_until - monotonic()))

    def _pause_after(self, judged: Sequence[SinkVerdict], reply: object) -> None:
        put_off = any(verdict.verdict is Verdict.RETRY for verdict in judged)
        if not put_off or not overloaded(reply):
            self._overloads = 0
            return
        self._overloads += 1
        limit_s = min(_PAUSE_MAX_S, _PAUSE_S * 2.0 ** min(self._overloads, 30))
        self._pause_until = monotonic() + random.uniform(limit_s / 2, limit_s)

    async def count(self) -> dict[str, int]:
        """Return the number of documents in all indices of the prefix, the latest included, by type name.

        Raises:
            SinkError: the sink is not open, or the server could not count all documents.
        """
        client = self._opened()
        with translated("counting"):
            await client.indices.refresh(index=self._names.indices)
            reply = await client.search(
                index=self._names.indices,
                size=0,
                aggs={"types": {"terms": {"field": "dms.type", "size": 1000}}},
                allow_partial_search_results=False,
            )
        # Without any index there is no aggregation either.
        buckets = reply.body.get("aggregations", {}).get("types", {}).get("buckets", ())
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}

    async def close(self) -> None:
        """Disconnect. Closing twice is fine."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _opened(self) -> AsyncElasticsearch:
        if self._client is None:
            raise SinkError("the Elasticsearch sink is not open")
        return self._client


async def _send(client: AsyncElasticsearch, documents: Sequence[Document]) -> object:
    lines: Any = encode(documents)  # Typed as mappings, but lines of bytes go out as they are.
    with translated("writing"):
        reply = await client.bulk(
            operations=lines, filter_path=_NEEDED, include_source_on_error=False
        )
    return reply.body
