"""Dead letters as 0.1.0 wrote them."""

from __future__ import annotations

from typing import Any

import msgspec

from dms_events import OutgoingMessage

__all__ = ["OLD", "old_letter"]

OLD: dict[str, Any] = {
    "id": "old",
    "reason": "it was so",
    "error": "DecodeError",
    "reader": "billing",
    "place": "dms.events.elk_stats.ServiceCall._",
    "type_name": "elk_stats.ServiceCall",
    "source": "",
    "attempts": 1,
    "stored": "2026-11-22T08:00:00.000000000Z",
    "buried": "2026-11-22T08:00:01.000000000Z",
    "payload": b'{"Type":"elk_stats.ServiceCall","Data":"e30="}',
    "payload_bytes": 46,
    "sequence": 1,
}
"""All fields that they had."""


def old_letter(**other: Any) -> OutgoingMessage:
    """One of them, ready to publish."""
    fields = {**OLD, **other}
    fields["payload_bytes"] = len(fields["payload"])
    return OutgoingMessage(
        "dead", fields["type_name"], "", "dead:billing:x", msgspec.msgpack.encode(fields)
    )
