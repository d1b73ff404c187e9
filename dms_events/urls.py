"""Make a bus from a URL or a NetworkConfig, and a sink from a URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .bus import Bus, Discarded
from .envelope import Encoding
from .errors import ConfigError
from .signatures import signature_of
from .sink import Sink

if TYPE_CHECKING:
    from .types.network_config import NetworkConfig

__all__ = ["connect", "scheme_of", "sink_for"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def connect(
    url: str | NetworkConfig,
    *,
    source: str = "",
    encoding: Encoding = "json",
    aliases: Mapping[str, str] | None = None,
    on_error: Callable[[Discarded], object] | None = None,
    **options: Any,
) -> Bus:
    """A bus over the transport that serves the URL's scheme; ``async with`` opens it.

    Args:
        url: ``memory://``, ``memory://name``, ``nats://host:port``, ``libp2p://host:port`` (where this
            node listens), or another adapter's. Or a `types.network_config.NetworkConfig` of type
            ``memory`` (which is ``memory://``), ``nats`` (then its ``nats_url``, with or without
            ``nats://``; none of its other fields counts) or ``libp2p`` (a field that is not built yet is
            a ConfigError).
        source: peer id of the publisher; it becomes a token of the subject. On libp2p leave it out: the
            source is the node that signs.
        encoding: of the envelopes that this bus writes; Go nodes read ``"json"`` only. The bus reads
            both encodings.
        aliases: names that others write into the envelope's ``Type``, each with the registry name it
            stands for.
        on_error: a plain function, called in the event loop with each `Discarded`: a message that was
            thrown away, since it could not be read, there was no room, or a worker without a durable
            gave it up. It is not called for a message kept as a dead letter. If it raises, the error is
            logged and counted.
        options: the adapter's own, for example ``root`` (the first part of all subjects, ``"dms"``).

    Raises:
        ConfigError: no adapter serves the scheme or the configuration's type, or an option is wrong.
            It never shows the password in a URL.
        ExtraNotInstalledError: the adapter needs a package that is not installed.
    """
    place = url if isinstance(url, str) else _place_of(url)
    scheme_of = place if isinstance(place, str) else f"{place.type}:"
    adapter = _load_adapter("dms_events.transports", scheme_of)
    transport = _make(adapter, place, options)
    return Bus(transport, source=source, encoding=encoding, aliases=aliases, on_error=on_error)


def sink_for(url: str, **options: Any) -> Sink:
    """The sink that serves the URL's scheme; ``async with`` opens it.

    Args:
        url: ``sqlite:path.db``, ``http://host:port`` or ``https://…`` (Elasticsearch), or another
            adapter's.
        options: the adapter's own.

    Raises:
        ConfigError: no adapter serves the scheme, or an option is wrong.
        ExtraNotInstalledError: the adapter needs a package that is not installed.
    """
    adapter = _load_adapter("dms_events.sinks", url)
    sink: Sink = _make(adapter, url, options)
    return sink


def _place_of(config: NetworkConfig) -> str | NetworkConfig:
    """Return the URL that means the same as a configuration; without one, the configuration itself."""
    from .types.network_config import NetworkConfig, NetworkType

    if not isinstance(config, NetworkConfig):
        raise ConfigError("url", f"expected a URL or a NetworkConfig, got {type(config).__name__}")
    match config.type:
        case NetworkType.MEMORY:
            return "memory://"
        case NetworkType.NATS:
            return _nats_url(config.nats_url)
        case NetworkType.LIBP2P:
            return config
    known = ", ".join(NetworkType)
    raise ConfigError("NetworkConfig.type", f"{str(config.type)!r} is not one of {known}")


def _nats_url(text: str) -> str:
    """Return a list of servers, split as Go's ``nats.Connect`` splits it, each with its scheme."""
    servers = [server for part in text.split(",") if (server := part.strip())]
    if not servers:
        raise ConfigError("NetworkConfig.nats_url", "is empty; write nats://host:4222")
    whole = [server if "://" in server else f"nats://{server}" for server in servers]
    if not all(server.lower().startswith("nats://") for server in whole):
        raise ConfigError("NetworkConfig.nats_url", "must begin with nats://")
    return ",".join(whole)


def _make(adapter: Any, place: str | NetworkConfig, options: Mapping[str, Any]) -> Any:
    """Call an adapter's class; an option that it does not have is a ConfigError."""
    try:
        signature_of(adapter).bind(place, **options)
    except TypeError as error:
        raise ConfigError("options", f"{adapter.__name__}: {error}") from None
    return adapter(place, **options)


def _load_adapter(group: str, url: str) -> Any:
    """The adapter which an entry point of ``group`` names for the scheme of ``url``."""
    from importlib.metadata import entry_points  # a quarter of the time of `import dms_events`

    scheme = scheme_of(url)
    known = {point.name: point for point in entry_points(group=group)}
    if scheme not in known:
        schemes = ", ".join(f"{name}:" for name in sorted(known))
        # Show no more of the URL: after a typing error the password may stand anywhere in the rest.
        given = f"{scheme + ':'!r} is not one of" if scheme else "has no scheme; begin with one of"
        raise ConfigError("url", f"{given} {schemes}")
    return known[scheme].load()


def scheme_of(url: str) -> str:
    """The scheme of a URL, in lower case; empty if it has none."""
    found = _SCHEME.match(url.strip())
    return found[1].lower() if found else ""
