"""Single messages of a stream, by their position."""

from __future__ import annotations

import msgspec
import nats.js.errors
from nats.aio.client import Client
from nats.js.manager import JetStreamManager

from dms_events.errors import TransportError

from ._errors import mapped

__all__ = ["delete_message", "fetch_message"]

_NO_MESSAGE = 10037
_TIMEOUT_S = 5


class _ApiError(msgspec.Struct):
    description: str = "refused by the server"
    err_code: int = 0


class _Deleted(msgspec.Struct):
    error: _ApiError | None = None


async def fetch_message(manager: JetStreamManager, stream: str, sequence: int) -> bytes | None:
    """Its payload; None where there is no such message."""
    if sequence < 1:
        return None
    with mapped(f"fetch message {sequence} of {stream}"):
        try:
            return (await manager.get_msg(stream, sequence)).data or b""
        except nats.js.errors.NotFoundError as error:
            if error.err_code != _NO_MESSAGE:
                raise
            return None


async def delete_message(
    client: Client, manager: JetStreamManager, stream: str, sequence: int
) -> bool:
    """Delete it; False where there is no such message."""
    doing = f"delete message {sequence} of {stream}"
    # nats-py's own call has the server overwrite the bytes on disk: 5 ms instead of 0.2 for each.
    request = b'{"seq":%d,"no_erase":true}' % sequence
    with mapped(doing):
        reply = await client.request(f"$JS.API.STREAM.MSG.DELETE.{stream}", request, _TIMEOUT_S)
    error = msgspec.json.decode(reply.data, type=_Deleted).error
    # Which of several errors it is does not tell a message that is not there from others.
    if error and await fetch_message(manager, stream, sequence) is not None:
        raise TransportError(f"{doing}: {error.description} (code {error.err_code})")
    return error is None
