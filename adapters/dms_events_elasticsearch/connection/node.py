"""One host of Elasticsearch's client, with the host and the reason in the errors of its connections."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

import aiohttp
from elastic_transport import (
    AiohttpHttpNode,
    ApiResponseMeta,
    ConnectionError,
    ConnectionTimeout,
    HttpHeaders,
)
from elastic_transport._node import NodeApiResponse

from .credentials import Credentials
from .reasons import AnswerTooLargeError, never_sent, reason_of

__all__ = ["node_class"]

_MOST_BYTES: Final = 128 << 20
"""No answer that is asked for is larger: a page of an inventory has 100 documents of a megabyte each. The
answer of a stranger may have no end."""


def node_class(credentials: Credentials) -> type[AiohttpHttpNode]:
    """Return a class of hosts that log in so. The login is read anew for each request."""

    class Node(AiohttpHttpNode):
        """Sends requests to one host. It follows no redirect, and reads at most 128 MiB of an answer.

        The client sends a request to its next host after a ``ConnectionError``, and not after a
        ``ConnectionTimeout``. So the former is raised for a request that never left, and the latter for
        all others: the server may have received them.
        """

        async def perform_request(  # type: ignore[override]
            self,
            method: str,
            target: str,
            body: bytes | None = None,
            headers: HttpHeaders | None = None,
            request_timeout: Any = None,
        ) -> NodeApiResponse:
            timeout_s = _seconds(request_timeout, self.config.request_timeout)
            sent = self.headers.copy()
            sent.update(headers or {})
            sent.update(credentials.header())
            if self.session is None:
                self._create_aiohttp_session()
            assert self.session is not None
            began = monotonic()
            try:
                async with self.session.request(
                    method,
                    self.base_url + target,
                    data=body,
                    headers=sent,
                    timeout=aiohttp.ClientTimeout(total=timeout_s),
                    allow_redirects=False,
                ) as response:
                    content = await _read(response)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                kind = ConnectionError if never_sent(error) else ConnectionTimeout
                reason = reason_of(error, timeout_s or 0.0)
                raise kind(f"{self.base_url}: {reason.text}") from error
            meta = ApiResponseMeta(
                response.status,
                http_version="1.1",
                headers=HttpHeaders(response.headers),
                duration=monotonic() - began,
                node=self.config,
            )
            return NodeApiResponse(meta, content)

    return Node


def _seconds(given: Any, default: float | None) -> float | None:
    """Return the timeout of a request, for which the client may give an object of its own: "default"."""
    return given if isinstance(given, int | float) else default


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > _MOST_BYTES:
            raise AnswerTooLargeError(f"its answer is larger than {_MOST_BYTES >> 20} MiB")
    return bytes(content)
