"""Back up a stream and put it back by the server's requests, as ``nats stream backup`` does."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg

__all__ = ["Backup", "backed_up", "restored"]

_WAIT_S = 10.0


class Backup(NamedTuple):
    """A stream as it was: its configuration, its state and the server's archive of its messages."""

    config: dict[str, Any]
    state: dict[str, Any]
    chunks: list[bytes]


async def backed_up(client: Client, stream: str) -> Backup:
    """The stream without its consumers."""
    inbox = client.new_inbox()
    arrived: asyncio.Queue[Msg] = asyncio.Queue()
    subscription = await client.subscribe(inbox, cb=arrived.put)
    try:
        about = await _ask(
            client,
            f"$JS.API.STREAM.SNAPSHOT.{stream}",
            {"deliver_subject": inbox, "no_consumers": True},
        )
        chunks = []
        async with asyncio.timeout(_WAIT_S):
            while (message := await arrived.get()).data:
                chunks.append(message.data)
                if message.reply:
                    await message.respond(b"")
    finally:
        await subscription.unsubscribe()
    return Backup(about["config"], about["state"], chunks)


async def restored(client: Client, backup: Backup) -> None:
    """Make the stream again from its backup; it must not be there."""
    name = backup.config["name"]
    body = {"config": backup.config, "state": backup.state}
    about = await _ask(client, f"$JS.API.STREAM.RESTORE.{name}", body)
    where = about["deliver_subject"]
    for chunk in backup.chunks:
        await client.request(where, chunk, timeout=_WAIT_S)
    done = json.loads((await client.request(where, b"", timeout=_WAIT_S)).data)
    assert "error" not in done, done["error"]


async def _ask(client: Client, subject: str, body: object) -> dict[str, Any]:
    reply = await client.request(subject, json.dumps(body).encode(), timeout=_WAIT_S)
    answer: dict[str, Any] = json.loads(reply.data)
    assert "error" not in answer, answer["error"]
    return answer
