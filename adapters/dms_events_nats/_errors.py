"""nats-py's exceptions in this library's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nats.errors
import nats.js.errors

from dms_events.errors import ConfigError, ConnectionLostError, TransportError

__all__ = ["mapped"]


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Translate what nats-py raises while ``doing`` something."""
    try:
        yield
    except (nats.errors.ConnectionClosedError, nats.errors.ConnectionDrainingError) as error:
        raise ConnectionLostError(f"{doing}: the bus is closed") from error
    except (nats.js.errors.ServiceUnavailableError, nats.errors.NoRespondersError) as error:
        raise ConfigError(
            "durable",
            f"{doing}: the server offers no JetStream. Start it with -js, or connect with "
            "durable=False for core NATS",
        ) from error
    except (nats.errors.TimeoutError, TimeoutError, OSError) as error:
        raise ConnectionLostError(f"{doing}: no answer from the server ({error})") from error
    except nats.js.errors.APIError as error:
        raise TransportError(f"{doing}: {error.description} (code {error.err_code})") from error
    except nats.errors.Error as error:
        raise TransportError(f"{doing}: {error}") from error
