"""From a URL to a bus."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .bus import Bus
from .envelope import Encoding
from .errors import ConfigError
from .sink import Sink

__all__ = ["connect", "sink_for"]


def connect(
    url: str,
    *,
    source: str = "",
    encoding: Encoding = "json",
    aliases: Mapping[str, str] | None = None,
    **options: Any,
) -> Bus:
    """A bus over the transport that serves the URL's scheme; ``async with`` opens it.

    Args:
        url: ``memory://``, ``memory://name``, ``nats://host:port``, or another adapter's.
        source: peer id of whoever publishes here; it becomes a token of the subject.
        encoding: of the envelopes written here; Go nodes read ``"json"`` only. Both are read.
        aliases: names that others write into the envelope's ``Type``, each with the registry name it
            stands for.
        options: the adapter's own, for example ``root`` (the first part of all subjects, ``"dms"``).

    Raises:
        ConfigError: no adapter serves the scheme, or an option is wrong.
        ExtraNotInstalledError: the adapter needs a package that is not installed.
    """
    adapter = _load_adapter("dms_events.transports", url)
    return Bus(_make(adapter, url, options), source=source, encoding=encoding, aliases=aliases)


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


def _make(adapter: Any, url: str, options: Mapping[str, Any]) -> Any:
    """Call an adapter's class; an option that it does not have is a ConfigError."""
    try:
        inspect.signature(adapter).bind(url, **options)
    except TypeError as error:
        raise ConfigError("options", f"{adapter.__name__}: {error}") from None
    return adapter(url, **options)


def _load_adapter(group: str, url: str) -> Any:
    """The adapter which an entry point of ``group`` names for the scheme of ``url``."""
    from importlib.metadata import entry_points  # a quarter of the time of `import dms_events`

    scheme = urlsplit(url).scheme
    known = {point.name: point for point in entry_points(group=group)}
    if scheme not in known:
        schemes = ", ".join(f"{name}:" for name in sorted(known))
        raise ConfigError("url", f"{url!r} begins with none of {schemes}")
    return known[scheme].load()
