"""The path of a file in the URL of a sink."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from ..errors import ConfigError

__all__ = ["path_of"]


def path_of(url: str) -> Path:
    """Return the absolute path that a URL such as ``sqlite:`` or ``file:`` names.

    Behind the colon it is a path as in a shell; behind ``//`` it is a URL, where ``%20`` is a space.

    Raises:
        ConfigError: the URL names no file.
    """
    scheme, _, written = url.strip().partition(":")
    if written.startswith("//"):
        written = unquote(written[2:])
        wrong = not written.startswith("/")
    else:
        wrong = not written
    if wrong or "\0" in written:
        raise ConfigError(
            "url", f"it names no file; write {scheme}:path or {scheme}:///absolute/path"
        )
    try:
        return Path(written).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError("url", f"{written}: {error}; write the whole path") from error
