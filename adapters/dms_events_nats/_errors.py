"""nats-py's exceptions in this library's words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from dms_events.errors import ConnectionLostError, TransportError

__all__ = ["NotThereError", "flush", "mapped", "translated", "why_ended"]

_FLUSH_S = 2


class NotThereError(TransportError):
    """The stream or the consumer does not exist."""


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Translate what nats-py raises while ``doing`` something."""
    try:
        yield
    except (nats.errors.Error, OSError) as error:  # a TimeoutError is an OSError
        raise translated(doing, error) from error


def translated(doing: str, error: nats.errors.Error | OSError) -> TransportError:
    """What this library raises where nats-py raised ``error`` while ``doing`` something."""
    match error:
        case nats.errors.ConnectionClosedError() | nats.errors.ConnectionDrainingError():
            return ConnectionLostError(f"{doing}: the bus is closed")
        case nats.js.errors.ServiceUnavailableError() | nats.errors.NoRespondersError():
            return ConnectionLostError(f"{doing}: JetStream does not answer")
        case nats.errors.TimeoutError() | OSError():
            return ConnectionLostError(f"{doing}: no answer from the server ({error})")
        case nats.js.errors.NotFoundError():
            return NotThereError(f"{doing}: {error.description}")
        case nats.js.errors.APIError():
            return TransportError(f"{doing}: {error.description} (code {error.err_code})")
    return TransportError(f"{doing}: {error}")


def why_ended(task: asyncio.Task[None]) -> TransportError | None:
    """What a subscription's task failed with; None where it was cancelled, which is its only good end."""
    error = None if task.cancelled() else task.exception()
    if error is None or isinstance(error, TransportError):
        return error
    failure = TransportError(f"the subscription failed: {error!r}")
    failure.__cause__ = error
    return failure


async def flush(client: Client) -> None:
    """Have everything that was sent reach the server.

    The client's PING overtakes its own buffer, so that the first answer says nothing of what was sent
    before it; the answer to the second does.
    """
    with mapped("flush"):
        await client.flush(_FLUSH_S)
        await client.flush(_FLUSH_S)
