"""The Elasticsearch sink: split a batch, encode it, send it, judge each document."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from dms_events.errors import ConfigError
from dms_events.sink import Document, Pace, Sink, SinkUnavailableError, SinkVerdict, Verdict

from .client import Connection, Denied, translated
from .connection.credentials import Secret
from .encode import encode, halves, split
from .judge import Obstacle, Refused, judge, overloaded
from .months import Months
from .names import DEFAULT_PREFIX, Names
from .setup import Cluster, install

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

__all__ = ["ElasticsearchSink"]

_PAUSE_S = 0.1
_PAUSE_MAX_S = 30.0
_NEEDED = "error,status,items.*._id,items.*.status,items.*.error,items.*.failure_store"


class ElasticsearchSink(Sink):
    """Stores documents in monthly indices of an Elasticsearch 8 or 9, each under its event's identity.

    A document is created, or is there already; it is never overwritten. The sink itself neither retries
    nor waits: a document that may be stored later is judged RETRY, and the caller writes it again. If a
    whole request fails for a reason that passes, SinkUnavailableError is raised.

    An index that is blocked or cannot be made gives RETRY (maintenance, a full disk, the limit of
    shards). A closed index gives REJECTED: closing it is a lasting decision, and a late event must not
    wait until somebody opens it.

    Args:
        url: ``http://[user:password@]host:port`` or ``https://…``. Commas part several hosts of one
            cluster; a host without a connection is left out. Or ``elastic-cloud:`` and a cloud id.
        api_key: an Elasticsearch API key, as the server encodes it. A `Path` is a file that holds the key
            and nothing else. It is read anew when it was changed, so a key can be replaced.
        basic_auth: user and password, if they are not in the URL. The password may be a `Path`, too.
        bearer_auth: a token, or a `Path`.
        ca_certs: file of the certificates to trust instead of the system's; for https.
        ca_fingerprint: SHA-256 of the server's certificate, or of the CA's, as Elasticsearch prints it
            at its first start. Then this certificate alone is trusted, for any name of a host.
        client_cert: file of a certificate to show the server.
        client_key: file of its key, which has no password; none if ``client_cert`` holds the key, too.
        max_bulk_bytes: most bytes in one request; a larger document travels alone.
        timeout_s: how long one request may take.
        prefix: first part of the names of indices, templates and aliases.

    Raises:
        ConfigError: the URL is incomplete, there is more than one way to log in, a file of certificates
            cannot be read, other options do not go together, or no name may begin with the prefix.
        ExtraNotInstalledError: the Elasticsearch client is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: Secret | None = None,
        basic_auth: tuple[str, Secret] | None = None,
        bearer_auth: Secret | None = None,
        ca_certs: str | Path | None = None,
        ca_fingerprint: str | None = None,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        max_bulk_bytes: int = 5_000_000,
        timeout_s: float = 30.0,
        prefix: str = DEFAULT_PREFIX,
    ) -> None:
        self._connection = Connection(
            url,
            api_key=api_key,
            basic_auth=basic_auth,
            bearer_auth=bearer_auth,
            ca_certs=ca_certs,
            ca_fingerprint=ca_fingerprint,
            client_cert=client_cert,
            client_key=client_key,
            timeout_s=timeout_s,
        )
        self._max_bulk_bytes = max_bulk_bytes
        self._names = Names(prefix)
        self._months: Months | None = None
        self._overloads = 0
        """Answers in a row that put documents off because the server is overloaded."""
        self._pause_until = 0.0

    async def open(self) -> None:
        """Connect, and install the index templates that are missing or older than ours.

        A template of the same name that is not ours stays as it is. Existing indices get the fields
        that they lack, and keep the mapping of all others.

        Raises:
            SinkError: no host can be used now, or templates or mappings cannot be read or written.
            ConfigError: the server refuses the account, its certificate is not trusted, it is no
                Elasticsearch 8.19 or newer that the installed client can talk to, or a template of
                somebody else takes our indices.
        """
        try:
            server = await self._connection.open()
            cluster = Cluster(self._connection.client, serverless=server.serverless)
            await install(cluster, self._names)
        except Denied as denied:
            await self.close()
            raise ConfigError("url", str(denied)) from denied
        except BaseException:
            await self.close()
            raise
        self._months = Months(self._connection.client, dated=not server.serverless)

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        """Store a batch; one verdict for each document, in the same order.

        A request that is refused for one of its documents is sent again in halves, until that
        document is alone and REJECTED.

        Raises:
            SinkUnavailableError: a request failed for a reason that passes; the error has the verdicts
                of the requests before it.
            SinkError: the sink is not open, or the answer does not belong to these documents.
        """
        client, months = self._connection.client, self._months
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
        client = self._connection.client
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
        await self._connection.close()


async def _send(client: AsyncElasticsearch, documents: Sequence[Document]) -> object:
    lines: Any = encode(documents)  # Typed as mappings, but lines of bytes go out as they are.
    with translated("writing"):
        reply = await client.bulk(
            operations=lines, filter_path=_NEEDED, include_source_on_error=False
        )
    return reply.body
