"""nats-py's exceptions in this library's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from dms_events.errors import ConnectionLostError, TransportError

__all__ = ["NotThereError", "flush", "mapped"]

_FLUSH_S = 2


class NotThereError(TransportError):
    """The stream or the consumer does not exist."""


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Translate what nats-py raises while ``doing`` something."""
    try:
        yield
    except (nats.errors.ConnectionClosedError, nats.errors.ConnectionDrainingError) as error:
        raise ConnectionLostError(f"{doing}: the bus is closed") from error
    except (nats.js.errors.ServiceUnavailableError, nats.errors.NoRespondersError) as error:
        raise ConnectionLostError(f"{doing}: JetStream does not answer") from error
    except (nats.errors.TimeoutError, TimeoutError, OSError) as error:
        raise ConnectionLostError(f"{doing}: no answer from the server ({error})") from error
    except nats.js.errors.NotFoundError as error:
        raise NotThereError(f"{doing}: {error.description}") from error
    except nats.js.errors.APIError as error:
        raise TransportError(f"{doing}: {error.description} (code {error.err_code})") from error
    except nats.errors.Error as error:
        raise TransportError(f"{doing}: {error}") from error


async def flush(client: Client) -> None:
    """Have everything that was sent reach the server.

    The client's PING overtakes its own buffer, so that the first answer says nothing of what was sent
    before it; the answer to the second does.
    """
    with mapped("flush"):
        await client.flush(_FLUSH_S)
        await client.flush(_FLUSH_S)
