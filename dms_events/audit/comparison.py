"""Compare two documents of one event, field by field. The time of storing may differ."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

import msgspec

__all__ = ["differing_fields", "digest_of"]

_encode: Final = msgspec.json.Encoder(order="sorted").encode


def digest_of(body: bytes) -> bytes:
    """Return a digest of a document without ``event.ingested``; the order of its keys does not count."""
    return blake2b(_encode(_without_ingested(body)), digest_size=16).digest()


def differing_fields(expected: bytes, found: bytes) -> dict[str, tuple[str, str]]:
    """Return the fields in which two documents differ, by path, each with the JSON of both.

    An empty text stands for a field that is not there.
    """
    ours, theirs = (
        dict(_leaves(_without_ingested(expected))),
        dict(_leaves(_without_ingested(found))),
    )
    return {
        path: (ours.get(path, ""), theirs.get(path, ""))
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path, "") != theirs.get(path, "")
    }


def _without_ingested(body: bytes) -> Any:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body.decode(errors="backslashreplace")  # somebody wrote it: it differs as a whole
    event = document.get("event") if isinstance(document, dict) else None
    if isinstance(event, dict):
        event.pop("ingested", None)
    return document


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the path and the JSON of each value that is no object with members. The depth is any."""
    todo = [("", value)]
    while todo:
        path, each = todo.pop()
        if isinstance(each, dict) and each:
            todo += [(f"{path}.{key}" if path else key, inner) for key, inner in each.items()]
        else:
            yield path, _encode(each).decode()
