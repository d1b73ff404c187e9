"""Can a message be sent at all? If not, the server would refuse it, or end the connection."""

from __future__ import annotations

from dms_events.transport import OutgoingMessage

from ..subjects import LONGEST_SUBJECT

__all__ = ["no_subject", "unfit"]

_HEADER_BYTES = 28
"""Bytes of a header block with a message id, without the id itself."""
_ROOM = 64
_LONGEST_REPLAY_ID = 36
_SHOWN = 40


def unfit(message: OutgoingMessage, subject: str, max_payload: int) -> str:
    """Return why a message cannot be sent to JetStream on a subject; empty if it can."""
    id, size = message.id, len(message.data)
    if (
        subject
        and id.isascii()
        and id == id.strip()
        and "\n" not in id
        and "\r" not in id
        and size + len(id) + _ROOM <= max_payload
    ):
        return ""
    if not subject:
        return no_subject(message)
    try:
        id_bytes = len(id.encode())
    except UnicodeEncodeError:
        id_bytes = -1
    if id_bytes < 0 or id != id.strip() or "\r" in id or "\n" in id:
        return (
            f"{message.type_name}: its id {id[:_SHOWN]!a} cannot stand in a header: it has a line break, "
            "white space at an end, or a lone surrogate; it was not sent"
        )
    # Leave room for the id of a replay, even if the event's own id is shorter.
    if size + max(id_bytes, _LONGEST_REPLAY_ID) + _HEADER_BYTES > max_payload:
        beside = f" and an id of {id_bytes:,}" if id_bytes > _ROOM else ""
        return (
            f"{message.type_name} is {size:,} bytes{beside}, more than the server's max_payload of "
            f"{max_payload:,} leaves room for; it was not sent"
        )
    return ""


def no_subject(message: OutgoingMessage) -> str:
    """Return the reason for a message that has no subject to be published on."""
    type_name, source = message.type_name[:_SHOWN], message.source[:_SHOWN]
    return (
        f"type {type_name!a} and source {source!a} do not make a subject of three tokens and at most "
        f"{LONGEST_SUBJECT:,} bytes; it was not sent"
    )
