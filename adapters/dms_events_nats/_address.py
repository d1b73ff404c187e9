"""Addresses of servers."""

from __future__ import annotations

from urllib.parse import urlsplit

from dms_events.errors import ConfigError

__all__ = ["checked"]


def checked(url: str) -> str:
    """The address as the client takes it.

    Raises:
        ConfigError: it has no host, or a port that is no number.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme == "nats" and parts.hostname and parts.port != 0:
            return f"nats{url[4:]}"
    except ValueError:
        pass  # a port that is no number
    shown = url.rpartition("@")[2]
    raise ConfigError("url", f"{shown!r} is no address of a NATS server; write nats://host:4222")
