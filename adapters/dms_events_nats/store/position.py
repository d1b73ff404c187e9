"""What a stream holds, and how far a durable has come in it."""

from __future__ import annotations

import nats.js.errors
from nats.aio.client import Client

from dms_events.identity import parse_rfc3339
from dms_events.names import check_durable
from dms_events.transport import DurablePosition, StreamPosition

from ..client import mapped, request

__all__ = ["position_in"]


async def position_in(client: Client, stream: str, durable: str) -> StreamPosition:
    """Return the part of a stream that is stored now, and how far a durable has come in it.

    Raises:
        ConfigError: the name cannot be that of a durable.
        TransportError: the server does not answer, or the account may not ask.
    """
    check_durable(durable)
    with mapped(f"ask what {stream} holds"):
        state = (await request(client, f"STREAM.INFO.{stream}"))["state"]
    first = round(parse_rfc3339(state["first_ts"]).timestamp() * 1e9) if state["messages"] else None
    return StreamPosition(
        first=state["first_seq"],
        last=state["last_seq"],
        first_ns=first,
        durable=await _position_of(client, stream, durable),
    )


async def _position_of(client: Client, stream: str, durable: str) -> DurablePosition | None:
    asked = f"CONSUMER.INFO.{stream}.{durable}"
    with mapped(f"ask how far {durable} has come (this takes the permission for $JS.API.{asked})"):
        try:
            info = await request(client, asked)
        except nats.js.errors.NotFoundError:
            return None
    return DurablePosition(
        delivered=info["delivered"]["stream_seq"],
        settled=info["ack_floor"]["stream_seq"],
        unsettled=info["num_ack_pending"],
    )
