"""Read the URL of a sink: one host, several, or the id of a cluster in Elastic's cloud."""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from dms_events.errors import ConfigError

__all__ = ["CLOUD", "Address", "read_url"]

CLOUD: Final = "elastic-cloud:"
_CLOUD_FORM: Final = "write elastic-cloud: and the whole cloud id, as the deployment's page has it"


class Address(msgspec.Struct, frozen=True):
    """The hosts of a cluster, and the login that the URL holds."""

    hosts: tuple[str, ...]
    """``http://host:port`` each, or ``https://…``; never a password."""
    login: tuple[str, str] | None = None


def read_url(url: str) -> Address:
    """Return the hosts of a URL without user and password, and these two as a pair.

    Raises:
        ConfigError: the URL is incomplete. The error shows no password.
    """
    if url.startswith(CLOUD):
        return Address((_cloud_host(url.removeprefix(CLOUD)),))
    hosts, logins = [], set()
    for one in url.split(","):
        host, login = _read_host(one.strip())
        hosts.append(host)
        if login is not None:
            logins.add(login)
    if len({host.partition(":")[0] for host in hosts}) > 1:
        raise ConfigError("url", "write http:// for all hosts, or https:// for all")
    if len(logins) > 1:
        raise ConfigError("url", "its hosts have different users; write the user once")
    return Address(tuple(hosts), logins.pop() if logins else None)


def _read_host(url: str) -> tuple[str, tuple[str, str] | None]:
    split: tuple[SplitResult, int | None] | None = None
    with suppress(ValueError):
        split = (parts := urlsplit(url)), parts.port
    if split is None:
        # Not raised where the ValueError is handled, which shows a password with a slash as the port.
        raise ConfigError("url", "its port is not a number below 65536")
    parts, port = split
    if parts.scheme not in {"http", "https"} or not parts.hostname or port is None:
        raise ConfigError(
            "url",
            "write http://host:port or https://host:port, with the port; commas part several hosts",
        )
    try:
        parts.hostname.encode("idna")  # as the resolver does
    except UnicodeError:
        raise ConfigError(
            "url", f"{parts.hostname!r} is no name of a host: a part of it is empty or too long"
        ) from None
    if "@" in parts.path:
        raise ConfigError("url", "write '/' as %2F in user and password")
    if parts.query or parts.fragment:
        raise ConfigError("url", "options are given as arguments, not after '?' or '#'")
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    if parts.username is None:
        return host, None
    return host, (unquote(parts.username), unquote(parts.password or ""))


def _cloud_host(cloud_id: str) -> str:
    from elastic_transport.client_utils import parse_cloud_id

    try:
        found = parse_cloud_id(cloud_id).es_address
    except ValueError as error:
        raise ConfigError("url", _CLOUD_FORM) from error
    if found is None:
        raise ConfigError("url", _CLOUD_FORM)
    host, port = found
    return f"https://{host}:{port}"
