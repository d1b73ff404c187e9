"""Open the sink of --to, and wait for it if it is not there yet."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from ..errors import ConfigError, SinkBrokenError, SinkError
from ..quiet import Quiet
from ..sink import Sink
from ..worker.policy import RetryPolicy

__all__ = ["opened", "url_of"]

_log = logging.getLogger("dms_events")
_RETRY: Final = RetryPolicy(backoff_s=0.25, backoff_max_s=2.0)
_SAY_AGAIN_S: Final = 60.0


@contextmanager
def url_of(option: str) -> Iterator[None]:
    """Say in a `ConfigError` of which option the URL is: a command may have two."""
    try:
        yield
    except ConfigError as error:
        if error.setting != "url":
            raise
        raise ConfigError(option, error.reason) from error


@asynccontextmanager
async def opened(sink: Sink, *, wait: bool) -> AsyncIterator[Sink]:
    """Open a sink, and close it after the block.

    Args:
        sink: not open.
        wait: try again while it is not there. The reason is logged when it changes, and once a minute.

    Raises:
        SinkError: as `Sink.open`; with ``wait`` only if the sink has to be mended.
        ConfigError: as `Sink.open`.
    """
    with url_of("to"):
        if wait:
            await _wait_for(sink)
        else:
            await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def _wait_for(sink: Sink) -> None:
    began, said, quiet = time.monotonic(), "", Quiet(_SAY_AGAIN_S)
    for attempt in itertools.count(1):
        try:
            await sink.open()
        except SinkBrokenError:
            raise
        except SinkError as error:
            reason = str(error)
        else:
            break
        if reason != said:
            said, quiet = reason, Quiet(_SAY_AGAIN_S)
        if quiet.over():
            waited_s = time.monotonic() - began
            _log.warning("waiting for the sink (%.0f s so far): %s", waited_s, reason)
        await asyncio.sleep(_RETRY.delay_s(attempt, random.random()))
    if said:
        _log.warning("the sink is there, after %.0f s", time.monotonic() - began)
