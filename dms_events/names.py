"""Names on the wire: which text may be a source, a durable, a type name or a pattern."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from difflib import get_close_matches
from hashlib import sha256

from .errors import ConfigError

__all__ = [
    "check_token",
    "digest",
    "is_pattern",
    "is_source",
    "is_token",
    "is_type_name",
    "no_such_durable",
    "shortened",
    "shortened_type",
    "widest",
]

_TOKEN = re.compile(r"[^\s.*>/\\\ud800-\udfff]{1,200}")
_FOREIGN = r"[^\s\x00-\x1f.*>]"
"""A character of a token in a message that somebody else wrote: the token is taken as it is."""
_PATTERN = re.compile(rf"\*|{_FOREIGN}+\.({_FOREIGN}+|\*)")
_TYPE_NAME = re.compile(rf"{_FOREIGN}+\.{_FOREIGN}+")
_SOURCE = re.compile(rf"{_FOREIGN}*")


def is_token(text: str) -> bool:
    """True if the text can be one token of a subject, as `check_token` wants it."""
    return _TOKEN.fullmatch(text) is not None


def check_token(setting: str, text: str, fix: str = "") -> None:
    r"""Refuse a source or a durable that cannot be one token of a subject.

    Raises:
        ConfigError: the text is empty, longer than 200 characters, or has white space, a lone surrogate
            or one of ``. * > / \``. ``fix`` is added to the reason.
    """
    if not is_token(text):
        reason = f"{text!r} has white space, a lone surrogate, or one of . * > / \\"
        raise ConfigError(setting, reason + fix)


def no_such_durable(durable: str, others: Iterable[str]) -> ConfigError:
    """The error about a durable that must exist; it names the most similar of the ``others``."""
    meant = get_close_matches(durable, others := sorted(others), 1) or others[:5]
    there = f"did you mean {', '.join(map(repr, meant))}? " if meant else ""
    return ConfigError(
        "durable", f"there is no durable {durable!r}; {there}Without must_exist it is made"
    )


def digest(text: str) -> str:
    """Eleven characters of a token's alphabet that tell a text from all others (64 bits of SHA-256)."""
    hashed = sha256(text.encode(errors="surrogatepass")).digest()
    return urlsafe_b64encode(hashed[:8]).rstrip(b"=").decode()


def shortened(token: str, most_bytes: int) -> str:
    """The token itself if it has at most ``most_bytes``; else its beginning, ``~`` and its `digest`."""
    data = token.encode(errors="backslashreplace")
    if len(data) <= most_bytes:
        return data.decode()
    return f"{data[: most_bytes - 12].decode(errors='ignore')}~{digest(token)}"


def shortened_type(type_name: str, most_bytes: int) -> str:
    """The type name with each of its tokens `shortened`."""
    return ".".join(shortened(token, most_bytes) for token in type_name.split("."))


def is_type_name(text: str) -> bool:
    """True if the text has the form ``module.Type``, whether the registry knows it or not."""
    return _TYPE_NAME.fullmatch(text) is not None


def is_source(text: str) -> bool:
    """True if the text can stand as the source in a subject; an empty one can."""
    return _SOURCE.fullmatch(text) is not None


def is_pattern(text: str) -> bool:
    """True if the text has the form ``module.Type``, ``module.*`` or ``*``."""
    return _PATTERN.fullmatch(text) is not None


def widest(patterns: set[str]) -> tuple[str, ...]:
    """The patterns, sorted, without those that another one of them covers."""
    if "*" in patterns:
        return ("*",)
    return tuple(
        sorted(
            p for p in patterns if p.endswith(".*") or f"{p.partition('.')[0]}.*" not in patterns
        )
    )
