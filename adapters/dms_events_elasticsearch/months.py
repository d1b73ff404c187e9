"""Make the index of a month before its first document, with the settings that a template cannot hold.

An index ages from its creation, but for the setting ``index.lifecycle.origination_date``. An index of an
earlier month, which a replay or a late event makes today, would otherwise be kept for too long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from dms_events.quiet import Quiet

from .faults import Obstacle
from .names import origination_date

if TYPE_CHECKING:
    from elasticsearch import ApiError, AsyncElasticsearch

__all__ = ["Months"]

_log = logging.getLogger("dms_events")
_REMEMBERED_S = 86_400.0
"""A policy deletes old indices, and a late event may make one again while the sink runs. After this time
a key that was not allowed to make indices is tried again, too."""
_NOT_ALLOWED = (
    "the sink may not make indices, so they are made when their first document is written. They age from "
    "their creation, not from their month. Give its key the privilege create_index on them (%s)"
)


class Months:
    """The indices that are known to be there.

    Args:
        client: connected.
        dated: False if the server has no lifecycle, as on Serverless.
    """

    def __init__(self, client: AsyncElasticsearch, *, dated: bool) -> None:
        self._client = client
        self._dated = dated
        self._known: set[str] = set()
        self._known_since = monotonic()
        self._allowed = True
        self._quiet = Quiet(60.0)

    async def ensure(self, indices: Iterable[str]) -> None:
        """Make the indices that are not there yet.

        An index that cannot be made is left to the write, whose answer says for each document what
        becomes of it.

        Raises:
            Obstacle: the server takes nothing now.
        """
        if monotonic() - self._known_since >= _REMEMBERED_S:
            self._known.clear()
            self._known_since = monotonic()
            self._allowed = True
        missing = sorted(set(indices) - self._known) if self._allowed else []
        made = await asyncio.gather(*map(self._make, missing), return_exceptions=True)
        for index, result in zip(missing, made, strict=True):
            if isinstance(result, BaseException):
                raise result
            if result:
                self._known.add(index)

    def forget(self, index: str) -> None:
        """Have an index made again before its next document: the server says that it is not there."""
        self._known.discard(index)

    async def _make(self, index: str) -> bool:
        """Return True if the index is there now."""
        from elastic_transport import TransportError
        from elasticsearch import ApiError

        settings = {}
        if self._dated and (date := origination_date(index)):
            settings["index.lifecycle.origination_date"] = date
        try:
            await self._client.indices.create(index=index, settings=settings)
        except ApiError as error:
            return self._failed(index, error)
        except (TransportError, RecursionError) as error:
            raise Obstacle(f"making the index {index}: {error.args[0]}") from error
        return True

    def _failed(self, index: str, error: ApiError) -> bool:
        if error.error == "resource_already_exists_exception":
            return True
        if error.status_code in {401, 408, 429} or error.status_code >= 500:
            raise Obstacle(f"making the index {index}: {error}") from error
        if error.status_code == 403 and error.error == "security_exception":
            self._allowed = False
            _log.warning(_NOT_ALLOWED, error)
        elif self._quiet.over():
            _log.warning("the index %s cannot be made: %s", index, error)
        return False
