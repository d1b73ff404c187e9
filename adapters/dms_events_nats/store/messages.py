"""Fetch or delete one stored message of a stream, by its sequence."""

from __future__ import annotations

import nats.js.errors
from nats.aio.client import Client
from nats.js.manager import JetStreamManager

from ..client import mapped, request

__all__ = ["delete_message", "fetch_message"]

_NO_MESSAGE = 10037


async def fetch_message(manager: JetStreamManager, stream: str, sequence: int) -> bytes | None:
    """Return the payload of a message; None if there is no such message."""
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
    """Delete a message. Returns False if there is no such message."""
    with mapped(f"delete message {sequence} of {stream}"):
        try:
            # nats-py's own call makes the server overwrite the bytes on disk: 5 ms each and not 0.2 ms.
            body = {"seq": sequence, "no_erase": True}
            await request(client, f"STREAM.MSG.DELETE.{stream}", body)
        except nats.js.errors.APIError:
            # The code of the error does not tell if the message is missing, so ask for the message.
            if await fetch_message(manager, stream, sequence) is not None:
                raise
            return False
        return True
