"""Build and parse subjects, ``<root>.<channel>.<module>.<Type>.<source>``, and names of streams."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dms_events.names import UNPARTITIONED, checked_root
from dms_events.transport import Channel, OutgoingMessage, SubscriptionSpec

__all__ = [
    "LONGEST_SUBJECT",
    "Subjects",
    "filters_of",
    "fits_line",
    "overlap",
    "partitions_of",
    "reads_part",
]

LONGEST_SUBJECT = 3_500
"""Bytes that leave room for a reply subject and sizes in a line of the protocol, 4,096 bytes. A server
ends the connection at a longer line."""
NO_SOURCE = "_"
_TOKENS = 3
"""The tokens of a subject behind its channel: module, type and source."""
_MOST_KNOWN = 10_000
_LONGEST_KNOWN = 512
_PARTITION = re.compile(r"\{\{partition\((\d+),\d+\)\}\}$")
_ENDS_SUBJECT = re.compile(r"[ \t\r\n]")
"""The characters that separate words in a line. Strangers, and their dead letters, use all others."""


def partitions_of(transform: Mapping[str, str] | None) -> int | None:
    """Return the number of partitions that a stream's subject transform makes; None for another one."""
    if not transform:
        return 0
    found = _PARTITION.search(transform.get("dest", ""))
    return int(found[1]) if found else None


def fits_line(subject: str) -> bool:
    """True if a line of the protocol can hold ``subject`` as one word, beside the rest of the line."""
    try:
        size = len(subject.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= LONGEST_SUBJECT and not _ENDS_SUBJECT.search(subject)


def overlap(one: str, other: str) -> bool:
    """True if two filters, which may have wildcards, can take the same subject."""
    ones, others = one.split("."), other.split(".")
    for first, second in zip(ones, others, strict=False):
        if ">" in (first, second):
            return True
        if first != second and "*" not in (first, second):
            return False
    return len(ones) == len(others)


def filters_of(config: Mapping[str, Any]) -> list[str]:
    """Return the filter subjects of a consumer, from the configuration that the server gives."""
    return config.get("filter_subjects") or [config.get("filter_subject") or ">"]


def reads_part(filters: Iterable[str]) -> bool:
    """True if a consumer with these filters reads one partition, or the messages without a partition."""
    last = {filter_.rpartition(".")[2] for filter_ in filters}
    return all(token == "*" or token.isdigit() for token in last)


class _Parts(dict[str, tuple[str, str]]):
    """A cache of type and source by subject, so large that a subject is hardly ever parsed twice."""

    def __init__(self, depth: int) -> None:
        self._depth = depth

    def __missing__(self, subject: str) -> tuple[str, str]:
        tokens = subject.split(".")[self._depth :]
        type_name = ".".join(tokens[:2]) if len(tokens) >= 2 else ""
        source = tokens[2] if len(tokens) > 2 and tokens[2] != NO_SOURCE else ""
        if len(self) >= _MOST_KNOWN:
            self.clear()
        if len(subject) <= _LONGEST_KNOWN:
            self[subject] = type_name, source
        return type_name, source


class Subjects:
    """Builds and reads subjects under one root."""

    def __init__(self, root: str) -> None:
        self._root = checked_root(root)
        self._depth = root.count(".") + 1
        self._known: dict[tuple[str, str, str], str] = {}
        self.parts = _Parts(self._depth + 1)
        """The type and the source in a subject; each is empty if the subject has none."""

    def of(self, message: OutgoingMessage) -> str:
        """The subject that a message is published on; empty if its type and source make no subject."""
        key = (message.channel, message.type_name, message.source)
        return self._known.get(key) or self._subject(*key)

    def all_of(self, channel: Channel) -> str:
        """The subjects that the stream of a channel stores."""
        return f"{self._root}.{channel}.>"

    def of_requests(self, type_name: str) -> str:
        """The subjects that a responder listens to: requests of a type, from every source."""
        return f"{self._root}.requests.{type_name}.*"

    def holds(self, subject: str) -> bool:
        """True if a subject is under this root. Upper and lower case are the same here."""
        return subject.lower().startswith(f"{self._root.lower()}.")

    def filters(self, spec: SubscriptionSpec) -> list[str]:
        """The filter subjects of a subscription, sorted. None covers another: no server accepts that."""
        base = f"{self._root}.{spec.channel}"
        found = {
            f"{base}.>" if p == "*" else f"{base}.{p.removesuffix('.*')}.>" for p in spec.patterns
        }
        return sorted(f for f in found if not any(f != g and f.startswith(g[:-1]) for g in found))

    def of_part(self, spec: SubscriptionSpec, partition: str) -> list[str]:
        """The filter subjects of a subscription for one partition, or for messages without one."""
        source = "*" if partition == UNPARTITIONED else f"*.{partition}"
        return [
            f"{filter_[:-1]}{'*.' * (self._depth + 3 - filter_.count('.'))}{source}"
            for filter_ in self.filters(spec)
        ]

    def partitioned(self, channel: Channel, partitions: int) -> dict[str, str] | None:
        """The subject transform that appends a source's partition; None for 0 partitions."""
        if not partitions:
            return None
        base = f"{self._root}.{channel}"
        kept = ".".join(f"{{{{wildcard({n})}}}}" for n in (1, 2, 3))
        return {
            "src": f"{base}.*.*.*",
            "dest": f"{base}.{kept}.{{{{partition({partitions},3)}}}}",
        }

    def stream(self, channel: Channel) -> str:
        """The name of the stream over a channel."""
        return f"{self._root}_{channel}".replace(".", "_").upper()

    def bucket(self, use: str) -> str:
        """The name of the key-value bucket for a use."""
        return f"{self._root}_{use}".replace(".", "_").upper()

    def _subject(self, channel: str, type_name: str, source: str) -> str:
        tokens = [*type_name.split("."), source or NO_SOURCE]
        if len(tokens) != _TOKENS or not all(tokens) or "." in source:
            return ""
        subject = f"{self._root}.{channel}.{type_name}.{source or NO_SOURCE}"
        if not fits_line(subject):
            return ""
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        if len(subject) <= _LONGEST_KNOWN:
            self._known[channel, type_name, source] = subject
        return subject
