"""The Elasticsearch sink: opens and closes the connection, and writes over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from dms_events.errors import SinkError
from dms_events.sink import (
    STORED,
    Document,
    Pace,
    Sink,
    SinkUnavailableError,
    SinkVerdict,
    SupportsInventory,
)

from .bulk import BulkWriter, Sender
from .client import Connection, translated
from .connection.credentials import Secret
from .faults import INDEX_NOT_FOUND, Obstacle
from .inventory import ElasticsearchInventory
from .months import Months
from .names import DEFAULT_PREFIX, Names
from .setup import Cluster, install

__all__ = ["ElasticsearchSink"]


class ElasticsearchSink(Sink, SupportsInventory):
    """Stores documents in monthly indices of an Elasticsearch 8 or 9, each under its event's identity.

    A document is created, or is there already; it is never overwritten. How much is sent at a time
    follows the server: more while it answers soon, less while it has no room. A request that is too large
    is sent again in parts, and its size is remembered. Waiting is the caller's: if the server takes
    nothing, SinkUnavailableError is raised. A document is judged RETRY if its index, a pipeline, a shard
    or the key stands in its way, and REJECTED if the fault is its own; docs/design/elasticsearch-bulk.md
    has the table.

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
        compress: whether requests travel as gzip: fewer bytes, more CPU time.
        wait_for_closed: whether the documents of a closed index wait until it is opened. If not, they
            are rejected.
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
        compress: bool = False,
        wait_for_closed: bool = True,
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
        self._timeout_s = timeout_s
        self._compress = compress
        self._wait_for_closed = wait_for_closed
        self._opened: tuple[Months, BulkWriter] | None = None

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
        except BaseException:
            await self.close()
            raise
        client = self._connection.client
        self._opened = (
            Months(client, dated=not server.serverless),
            BulkWriter(
                Sender(client, compress=self._compress, timeout_s=self._timeout_s),
                most_bytes=self._max_bulk_bytes,
                closed_passes=self._wait_for_closed,
            ),
        )

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        """Store a batch; one verdict for each document, in the same order.

        Raises:
            SinkUnavailableError: a request failed for a reason that passes, or the server had no room for
                some documents; the error has all verdicts that are known.
            SinkError: the sink is not open.
        """
        if self._opened is None:
            raise SinkError("the Elasticsearch sink is not open")
        months, writer = self._opened
        if self._names.prefix != DEFAULT_PREFIX:
            batch = [msgspec.structs.replace(d, index=self._names.index(d.index)) for d in batch]
        try:
            await months.ensure({document.index for document in batch})
        except Obstacle as obstacle:
            raise SinkUnavailableError(str(obstacle)) from obstacle
        verdicts = await writer.write(batch)
        if verdicts.count(STORED) < len(batch):
            for document, verdict in zip(batch, verdicts, strict=True):
                if INDEX_NOT_FOUND in verdict.reason:
                    months.forget(document.index)
        return verdicts

    def pace(self, most: Pace) -> Pace:
        """Return how much to write at a time: the caller's own setting ``most``, or less."""
        return self._opened[1].pace(most) if self._opened is not None else most

    async def answers(self) -> bool:
        """True if the server answers a small question within 2 s, and knows the account."""
        return self._opened is not None and await self._opened[1].answers()

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

    def inventory(self) -> ElasticsearchInventory:
        """Return the documents, to read in ``async with`` in place of opening the sink."""
        return ElasticsearchInventory(self._connection.another(), self._names)

    async def close(self) -> None:
        """Disconnect. Closing twice is fine."""
        self._opened = None
        await self._connection.close()
