"""One host of Elasticsearch's client, with the host and the reason in the errors of its connections."""

from __future__ import annotations

from typing import Any

from elastic_transport import (
    AiohttpHttpNode,
    ConnectionError,
    ConnectionTimeout,
    TransportError,
)

from .credentials import Credentials
from .reasons import never_sent, reason_of

__all__ = ["node_class"]


def node_class(credentials: Credentials) -> type[AiohttpHttpNode]:
    """Return a class of hosts that log in so. The login is read anew for each request."""

    class Node(AiohttpHttpNode):
        """Sends requests to one host.

        The client sends a request to its next host after a ``ConnectionError``, and not after a
        ``ConnectionTimeout``. So the former is raised for a request that never left, and the latter for
        all others: the server may have received them.
        """

        async def perform_request(  # type: ignore[override]
            self, *args: Any, **kwargs: Any
        ) -> Any:
            kwargs["headers"] = kwargs["headers"].copy()
            kwargs["headers"].update(credentials.header())
            try:
                return await super().perform_request(*args, **kwargs)
            except TransportError as error:
                # The client has taken aiohttp's error out of its own, but not out of the context.
                cause = error.__context__
                kind = ConnectionError if never_sent(cause) else ConnectionTimeout
                reason = reason_of(cause, self.config.request_timeout or 0.0)
                raise kind(f"{self.base_url}: {reason.text}") from error

    return Node
