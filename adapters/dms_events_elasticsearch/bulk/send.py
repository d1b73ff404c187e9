"""Send one bulk request, and tell how it failed."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from dms_events.errors import SinkError

from ..client import translated
from .encode import compressed
from .judge import NEEDED

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

__all__ = ["Failure", "SendError", "Sender"]

_HEADERS = {"accept": "application/json", "content-type": "application/x-ndjson"}
_GZIP_HEADERS = {**_HEADERS, "content-encoding": "gzip"}
_PROBE_S = 2.0


class Failure(enum.Enum):
    """How a request failed."""

    TOO_LARGE = "its body is larger than the server, or a proxy, lets through"
    REFUSED = "one of its documents makes the whole request invalid"
    OVERLOADED = "the server has no room"
    LATE = "no answer came in time"
    BROKEN = "the connection broke before the answer"
    AWAY = "the server, or the way to it, takes nothing now"


class SendError(SinkError):
    """A request has no answer with verdicts.

    Args:
        unsure: True if the documents may be stored nevertheless.
    """

    def __init__(self, reason: str, failure: Failure, *, unsure: bool) -> None:
        super().__init__(reason)
        self.failure = failure
        self.unsure = unsure


class Sender:
    """Sends each request once, over an open client.

    Args:
        compress: whether bodies travel as gzip.
        timeout_s: how long a request may take.
    """

    def __init__(self, client: AsyncElasticsearch, *, compress: bool, timeout_s: float) -> None:
        self._client = client
        self._compress = compress
        # The server answers for the other documents before the time is up, if one shard is not there.
        self._path = f"/_bulk?timeout={max(1, int(timeout_s * 500))}ms"
        self._path += f"&include_source_on_error=false&filter_path={NEEDED}"

    async def send(self, body: bytes) -> object:
        """Return the decoded answer of status 200.

        Raises:
            SendError: there is none.
        """
        headers = _HEADERS
        if self._compress:
            body, headers = compressed(body), _GZIP_HEADERS
        try:
            with translated("writing"):
                reply = await self._client.perform_request(
                    "POST", self._path, headers=headers, body=body
                )
        except SinkError as error:
            raise _send_error(error) from error
        return reply.body

    async def answers(self) -> bool:
        """True if the server answers a small question, but with no 401 and no 5xx."""
        client = self._client.options(request_timeout=_PROBE_S)
        try:
            with translated("asking"):
                await client.perform_request("GET", "/", headers={"accept": "application/json"})
        except SinkError as error:
            # A key that may write need not be allowed to ask, but has to be known.
            return 401 < getattr(error.__cause__, "status_code", 0) < 500
        return True


def _send_error(error: SinkError) -> SendError:
    from elastic_transport import ConnectionTimeout, SerializationError
    from elasticsearch import ApiError, UnsupportedProductError

    from ..connection.reasons import AnswerTooLargeError

    failure, unsure = Failure.AWAY, False
    match error.__cause__:
        case ApiError(status_code=413):
            failure = Failure.TOO_LARGE
        case ApiError(status_code=400) if "action_request_validation_exception" in str(error):
            failure = Failure.REFUSED
        case ApiError(status_code=429):
            failure = Failure.OVERLOADED
        case ApiError(status_code=status):
            unsure = status >= 500
        case ConnectionTimeout(__cause__=TimeoutError()):
            failure, unsure = Failure.LATE, True
        case ConnectionTimeout(__cause__=AnswerTooLargeError()):
            unsure = True
        case ConnectionTimeout():  # a `Node` raises it for every request that left
            failure, unsure = Failure.BROKEN, True
        case SerializationError() | UnsupportedProductError() | RecursionError():
            unsure = True
    return SendError(str(error), failure, unsure=unsure)
