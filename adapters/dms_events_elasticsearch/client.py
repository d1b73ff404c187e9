"""The connection of the sink: Elasticsearch's client, its server checked, its exceptions made ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dms_events.errors import ConfigError, ExtraNotInstalledError, SinkError

from .connection.address import read_url
from .connection.answer import Server, failure
from .connection.credentials import Credentials, Secret
from .connection.tls import Tls
from .faults import NOT_NOW, Obstacle, describe

if TYPE_CHECKING:
    import ssl

    from elasticsearch import ApiError, AsyncElasticsearch

__all__ = ["Connection", "Denied", "translated"]


class Denied(Obstacle):
    """The account may not do this, or is no longer known. That passes where a key is being replaced."""


class Connection:
    """The way to one cluster. ``open`` asks what answers there; then there is a ``client``.

    Args:
        url: as for `ElasticsearchSink`, and so all others.

    Raises:
        ConfigError: the URL is incomplete, or options do not go together.
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
        timeout_s: float = 30.0,
    ) -> None:
        _need_client()
        address = read_url(url)
        self._hosts = address.hosts
        self._credentials = Credentials(
            api_key=api_key, basic_auth=basic_auth, bearer_auth=bearer_auth, login=address.login
        )
        self._tls = Tls(ca_certs, ca_fingerprint, client_cert, client_key)
        self._tls.check(self._hosts[0])
        if timeout_s <= 0:
            raise ConfigError("timeout_s", f"must be more than 0, not {timeout_s:g}")
        self._timeout_s = timeout_s
        self._client: AsyncElasticsearch | None = None

    async def open(self) -> Server:
        """Ask each host in turn what it is, until one answers.

        Raises:
            ConfigError: the server refuses this account, is no Elasticsearch that the client can talk to,
                or its certificate is not trusted.
            SinkError: no host can be used now. The error names each with its reason.
        """
        from .connection.ask import ask

        reasons = []
        for host in self._hosts:
            try:
                server, context = await ask(
                    host, self._tls, self._credentials, self._timeout_s, version("elasticsearch")
                )
            except Obstacle as obstacle:
                reasons.append(obstacle)
            else:
                self._client = self._make(context)
                return server
        raise SinkError(f"connecting: {'; '.join(map(str, reasons))}") from reasons[0]

    @property
    def client(self) -> AsyncElasticsearch:
        """The client. Each call of it stands in `translated`.

        It sends a POST once: the caller decides whether to try again. Only a request that did not leave,
        because a host has no connection, goes to the next host. (aiohttp itself sends a GET or a PUT a
        second time if the connection breaks, and `AsyncElasticsearch.bulk` is a PUT.)

        Raises:
            SinkError: the connection is not open.
        """
        if self._client is None:
            raise SinkError("the Elasticsearch sink is not open")
        return self._client

    def another(self) -> Connection:
        """Return a connection to the same cluster, which is not open."""
        other = copy(self)
        other._client = None
        return other

    async def close(self) -> None:
        """Disconnect. Closing twice is fine."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _make(self, context: ssl.SSLContext | None) -> AsyncElasticsearch:
        from elasticsearch import AsyncElasticsearch

        from .connection.node import node_class
        from .connection.serializer import SERIALIZERS

        options: dict[str, Any] = {} if context is None else {"ssl_context": context}
        return AsyncElasticsearch(
            list(self._hosts),
            node_class=node_class(self._credentials),
            request_timeout=self._timeout_s,
            max_retries=len(self._hosts) - 1,
            retry_on_timeout=False,
            retry_on_status=(),
            serializers=SERIALIZERS,
            **options,
        )


def _need_client() -> None:
    try:
        import aiohttp  # noqa: F401
        import elasticsearch  # noqa: F401
    except ImportError as error:
        raise ExtraNotInstalledError("elasticsearch", "the Elasticsearch sink") from error


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Translate the errors of the client into SinkErrors. Each call of the client stands in it."""
    from elastic_transport import SerializationError, TransportError
    from elasticsearch import ApiError, UnsupportedProductError

    try:
        yield
    except UnsupportedProductError as error:
        raise SinkError(f"{doing}: what answers is not Elasticsearch") from error
    except ApiError as error:
        raise _translate(doing, error) from error
    except (SerializationError, RecursionError) as error:  # the latter: it is nested too deep
        raise SinkError(f"{doing}: Elasticsearch's answer cannot be read") from error
    except TransportError as error:
        raise Obstacle(f"{doing}: {error.message}") from error  # as text it leaves out the cause


def _translate(doing: str, error: ApiError) -> SinkError:
    body = error.body if isinstance(error.body, dict) else {}
    said = describe(body.get("error"))
    reason = f"{doing}: {failure(error.status_code, error.body)}"
    if error.status_code in {401, 403} and said.startswith("security_exception"):
        return Denied(reason)
    if error.status_code in NOT_NOW or error.status_code >= 500:
        return Obstacle(reason)
    return SinkError(reason)
