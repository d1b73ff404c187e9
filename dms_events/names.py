"""Names on the wire: the rules for sources, durables, roots, type names and patterns.

The bus, the workers, `nats setup` and the commands all check names here, for every transport.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from difflib import get_close_matches
from hashlib import sha256

from .errors import ConfigError

__all__ = [
    "UNPARTITIONED",
    "check_durable",
    "check_source",
    "checked_root",
    "consumer_taken",
    "digest",
    "is_durable",
    "is_pattern",
    "is_source",
    "is_type_name",
    "no_such_durable",
    "part_name",
    "read_otherwise",
    "shortened",
    "shortened_type",
    "whole_of",
    "widest",
]

UNPARTITIONED = "rest"
"""The part for messages that are stored without a partition."""
_LONGEST = 200
"""Most characters of a source, a durable or a root: together they fit into a line of NATS's protocol,
4,096 bytes."""
_CONSUMER_BYTES = 255
"""Most bytes that a NATS server takes as the name of a consumer."""
_PART_BYTES = len("-2147483646")
"""Most bytes that a partition's consumer has after the name of its durable."""
_REFUSED = re.compile(r"[\s.*>/\\\ud800-\udfff]")
_ROOT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_TOPIC_ROOT = re.compile(r"/?[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*")
_FOREIGN = r"[^\s\x00-\x1f.*>]"
"""A character of a token that other software wrote. Such a token is taken as it is."""
_PATTERN = re.compile(rf"\*|{_FOREIGN}+\.({_FOREIGN}+|\*)")
_TYPE_NAME = re.compile(rf"{_FOREIGN}+\.{_FOREIGN}+")
_SOURCE = re.compile(rf"{_FOREIGN}*")


def check_source(source: str) -> None:
    r"""Refuse a source that cannot be one token of a subject.

    Raises:
        ConfigError: the text is empty, is longer than 200 characters, or has white space, a lone
            surrogate or one of ``. * > / \``.
    """
    if fault := _fault_of_token(source):
        raise ConfigError("source", f"{fault}; use a peer id, or leave the source out")


def check_durable(durable: str, *, partitioned: bool = False, setting: str = "durable") -> None:
    r"""Refuse the name of a durable that not every transport can keep.

    Raises:
        ConfigError: the text is empty, is longer than 200 characters or 255 bytes of UTF-8 (244 if it
            is read by partitions), or has white space, a NUL, a lone surrogate or one of ``. * > / \``.
            The error names ``setting``.
    """
    room = _CONSUMER_BYTES - (_PART_BYTES if partitioned else 0)
    if fault := _fault_of_token(durable) or _fault_of_file(durable, room):
        raise ConfigError(setting, fault)


def is_durable(text: str) -> bool:
    """True if `check_durable` accepts the text, without partitions."""
    return not (_fault_of_token(text) or _fault_of_file(text, _CONSUMER_BYTES))


def _fault_of_file(text: str, room: int) -> str:
    """Return the reason why a token cannot name a file of the server; empty if it can."""
    if "\x00" in text:
        return f"{text!r} has a NUL. Write {text.replace(chr(0), '-')!r}"
    if (size := len(text.encode())) > room:
        return f"{text[:20]!r}… has {size} bytes, more than the limit of {room}; use a shorter name"
    return ""


def _fault_of_token(text: str) -> str:
    """Return the fault of a token and its cure; empty if the token is good."""
    if not text:
        return "the name is empty"
    if len(text) > _LONGEST:
        size = f"{len(text)} characters, more than the limit of {_LONGEST}"
        return f"{text[:20]!r}… has {size}; use a shorter name"
    if found := _REFUSED.search(text):
        rule = "white space, a lone surrogate, or one of . * > / \\"
        return f"{text!r} has {found[0]!r}: no name has {rule}. Write {_REFUSED.sub('-', text)!r}"
    return ""


def checked_root(root: str, *, setting: str = "root", slashes: bool = False) -> str:
    """Return the text unchanged if subjects can begin with it.

    Args:
        slashes: a slash separates tokens too, and may come first, as in topics of libp2p.

    Raises:
        ConfigError: the text is longer than 200 characters, or does not consist of tokens of A-Z a-z
            0-9 _ - that are separated by dots. The error names ``setting``.
    """
    if not (_TOPIC_ROOT if slashes else _ROOT).fullmatch(root) or len(root) > _LONGEST:
        parted = "dots or slashes" if slashes else "dots"
        reason = (
            f"use up to {_LONGEST} characters, in tokens of A-Z a-z 0-9 _ - separated by {parted}"
        )
        raise ConfigError(setting, f"{root[:_LONGEST]!r} cannot begin a subject: {reason}")
    return root


def part_name(durable: str, partition: str) -> str:
    """Return the name of the consumer for one partition of a durable."""
    return f"{durable}-{partition}"


def whole_of(consumer: str) -> str:
    """Return the durable that, if read by partitions, has this consumer; empty if the name fits none."""
    durable, _, part = consumer.rpartition("-")
    return durable if part == UNPARTITIONED or part.isdecimal() else ""


def consumer_taken(consumer: str, *, partitioned: bool) -> ConfigError:
    """Return the error about a consumer name that two durables need: a partitioned and a plain one.

    Args:
        partitioned: True if the caller asked for the partitioned durable, False for the plain one.
    """
    whole = whole_of(consumer)
    if partitioned:
        reason = f"{whole!r} needs {consumer!r} for a partition, but that is another durable"
    else:
        reason = f"{consumer!r} is a part of the durable {whole!r}, which is read by partitions"
    return ConfigError("durable", f"{reason}. Choose another durable name")


def read_otherwise(durable: str, *, partitioned: bool) -> ConfigError:
    """Return the error about an existing durable that cannot change between partitioned and plain."""
    state, also = ("not read", "") if partitioned else ("read", "partitioned=True, or ")
    return ConfigError(
        "partitioned",
        f"the durable {durable!r} is there and is {state} by partitions: its handled events would "
        f"be handled again. Choose {also}another durable name, with start='new' once the old one has no "
        "backlog",
    )


def no_such_durable(durable: str, others: Iterable[str]) -> ConfigError:
    """Return the error about a missing durable; it names the most similar of the ``others``."""
    meant = get_close_matches(durable, others := sorted(others), 1) or others[:5]
    there = f"did you mean {', '.join(map(repr, meant))}? " if meant else ""
    return ConfigError(
        "durable", f"there is no durable {durable!r}; {there}Without must_exist it is made"
    )


def digest(text: str) -> str:
    """Return 64 bits of the text's SHA-256 as eleven characters that a token may have."""
    hashed = sha256(text.encode(errors="surrogatepass")).digest()
    return urlsafe_b64encode(hashed[:8]).rstrip(b"=").decode()


def shortened(token: str, most_bytes: int) -> str:
    """Return the token if it has at most ``most_bytes``; else its beginning, ``~`` and its `digest`."""
    data = token.encode(errors="backslashreplace")
    if len(data) <= most_bytes:
        return data.decode()
    return f"{data[: most_bytes - 12].decode(errors='ignore')}~{digest(token)}"


def shortened_type(type_name: str, most_bytes: int) -> str:
    """Return the type name with each of its tokens `shortened`."""
    return ".".join(shortened(token, most_bytes) for token in type_name.split("."))


def is_type_name(text: str) -> bool:
    """True if the text has the form ``module.Type``; the registry need not know it."""
    return _TYPE_NAME.fullmatch(text) is not None


def is_source(text: str) -> bool:
    """True if the text can be the source in a subject; an empty text can."""
    return _SOURCE.fullmatch(text) is not None


def is_pattern(text: str) -> bool:
    """True if the text has the form ``module.Type``, ``module.*`` or ``*``."""
    return _PATTERN.fullmatch(text) is not None


def widest(patterns: set[str]) -> tuple[str, ...]:
    """Return the patterns, sorted, without those that another pattern covers."""
    if "*" in patterns:
        return ("*",)
    return tuple(
        sorted(
            p for p in patterns if p.endswith(".*") or f"{p.partition('.')[0]}.*" not in patterns
        )
    )
