"""The client's serializers: answers are read by msgspec, and bulk bodies are sent as they are.

This module imports Elasticsearch's client, so it is imported only where a client is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from elasticsearch.serializer import JsonSerializer, NdjsonSerializer, Serializer

__all__ = ["SERIALIZERS"]


class _FastJson(JsonSerializer):
    """Reads with msgspec, which takes half of the time; writes as the client does."""

    def json_loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)


class _Lines(NdjsonSerializer):
    """Takes encoded lines. The client would copy them twice."""

    def dumps(self, data: bytes) -> bytes:
        return data


SERIALIZERS: Final[Mapping[str, Serializer]] = {
    serializer.mimetype: serializer for serializer in (_FastJson(), _Lines())
}
