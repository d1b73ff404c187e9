"""Helpers for nats-py's client: URLs, this library's errors for its own, flush, JetStream requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client

from dms_events.errors import ConfigError, ConnectionLostError, TransportError

__all__ = ["NotThereError", "checked_url", "flush", "mapped", "request", "translated", "why_ended"]

_FLUSH_S = 2.0
_REQUEST_S = 5.0


class NotThereError(TransportError):
    """The stream or the consumer does not exist."""


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Translate the errors that nats-py raises while ``doing`` something."""
    try:
        yield
    except (nats.errors.Error, OSError) as error:  # a TimeoutError is an OSError
        raise translated(doing, error) from error


def translated(doing: str, error: nats.errors.Error | OSError) -> TransportError:
    """Return this library's error for an ``error`` that nats-py raised while ``doing`` something."""
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
    """Return the error of a subscription's task; None if the task was cancelled, its only good end."""
    error = None if task.cancelled() else task.exception()
    if error is None or isinstance(error, TransportError):
        return error
    failure = TransportError(f"the subscription failed: {error!r}")
    failure.__cause__ = error
    return failure


async def flush(client: Client, timeout_s: float = _FLUSH_S) -> None:
    """Return when everything that was sent has reached the server.

    The client's PING overtakes its own buffer. So the first answer says nothing about the bytes sent
    before it; the second answer does.
    """
    with mapped("flush"):
        await client.flush(timeout_s)  # type: ignore[arg-type]
        await client.flush(timeout_s)  # type: ignore[arg-type]


async def request(
    client: Client, verb: str, body: object = None, *, timeout_s: float = _REQUEST_S
) -> dict[str, Any]:
    """Send one request to JetStream's API, and return its answer. Errors of nats-py pass through."""
    data = b"" if body is None else msgspec.json.encode(body)
    try:
        reply = await client.request(f"$JS.API.{verb}", data, timeout=timeout_s)
    except nats.errors.NoRespondersError as error:
        raise nats.js.errors.ServiceUnavailableError from error
    answer: dict[str, Any] = msgspec.json.decode(reply.data)
    if "error" in answer:
        nats.js.errors.APIError.from_error(answer["error"])
    return answer


def checked_url(url: str) -> str:
    """Return the URL in the form that the client takes.

    Raises:
        ConfigError: it is no ``nats://`` URL with a host, or has '/', '?' or '#' in user or password.
    """
    try:
        parts = urlsplit(url)
        right = parts.scheme == "nats" and parts.hostname and parts.port != 0
    except ValueError:
        right = False  # a port that is no number
    # The error does not show the URL: if one part of it is wrong, any other may belong to the password.
    if not right:
        raise ConfigError("url", "is not the address of a NATS server; write nats://host:4222")
    if "@" in url[len("nats://") + len(parts.netloc) :]:
        reason = "user and password cannot have '/', '?' or '#'; connect with credentials"
        raise ConfigError("url", reason)
    return f"nats{url[4:]}"
