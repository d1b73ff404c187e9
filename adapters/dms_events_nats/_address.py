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
        right = parts.scheme == "nats" and parts.hostname and parts.port != 0
    except ValueError:
        right = False  # a port that is no number
    # What it is does not show: where a part of it is wrong, any other part may be of the password.
    if not right:
        raise ConfigError("url", "not the address of a NATS server; write nats://host:4222")
    if "@" in url[len("nats://") + len(parts.netloc) :]:
        reason = "no '/', '?' or '#' can stand in user and password; connect with credentials"
        raise ConfigError("url", reason)
    return f"nats{url[4:]}"
