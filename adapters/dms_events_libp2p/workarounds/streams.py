"""Inbound streams: an exception of a handler ends its stream, and not the host."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

__all__ = ["guard_streams"]

_log = logging.getLogger("dms_events")


def guard_streams(host: Any) -> None:
    """Stock: the exception of any inbound stream's handler ends the host, with all its connections."""
    stock = host._swarm_stream_handler

    async def handle(stream: Any) -> None:
        try:
            await stock(stream)
        except Exception as error:  # noqa: BLE001
            _log.debug("an inbound stream of %s failed: %r", stream.muxed_conn.peer_id, error)
            with suppress(Exception):
                await stream.reset()

    host.get_network().set_stream_handler(handle)
