"""A message as a sink sees it, without a bus."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from dms_events import Envelope, registry

__all__ = ["STORED", "Message"]

STORED = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Message:
    """The members of a message that make a document; ``source`` is the claim of its envelope."""

    event: msgspec.Struct
    id: str = "its-id"
    type_name: str = ""
    source: str = ""
    transport_source: str = ""
    time_text: str = ""
    stored_ns: int = int(STORED.timestamp()) * 10**9
    data: bytes = b""
    canonical: bool = True
    subject: str = "dms.events.elk_stats.ServiceRemove._"

    def __post_init__(self) -> None:
        self.type_name = self.type_name or registry.name_of(type(self.event))

    @property
    def envelope(self) -> Envelope:
        return Envelope(
            type=self.type_name, data=self.data, source=self.source, time=self.time_text
        )
