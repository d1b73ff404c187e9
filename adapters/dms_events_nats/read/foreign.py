"""Tell JetStream's messages to a reader's inbox from others, which are ignored and counted."""

from __future__ import annotations

import re

from dms_events.quiet import Notice

from ..delivery import NatsDelivery

__all__ = ["InboxFilter"]

_SHOWN_BYTES = 60
_IGNORED = (
    "%d messages to the inbox of this reader were ignored, because its consumer did not send them. The "
    "last one: %s"
)
_STATUS = re.compile(r"[0-9]{3}").fullmatch


class InboxFilter:
    """Decides which messages to the inbox of one consumer's reader are JetStream's.

    Anybody who knows the name of an inbox, and is permitted to, may send to it. Such a message is no
    event: it is ignored, counted and logged.

    Args:
        first: the beginning of a first delivery's reply subject, ``$JS.ACK.<stream>.<consumer>.1.``.
    """

    def __init__(self, first: str) -> None:
        consumer = re.escape(first.removeprefix("$JS.ACK.").removesuffix("1."))
        numbers = r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+"
        self.is_first = re.compile(re.escape(first) + numbers).fullmatch
        """Matches the reply subject of a first delivery, on a server without a domain."""
        # With a domain: $JS.ACK.<domain>.<account>.<stream>.<consumer>.….<random token>
        name = "[^.]{1,255}"  # an acknowledgement must fit into a line of the protocol
        delivered = rf"{consumer}[0-9]+\.{numbers}"
        self._is_any = re.compile(
            rf"\$JS\.ACK\.(?:{delivered}|{name}\.{name}\.{delivered}(?:\.{name})?)"
        ).fullmatch
        self._ignored = Notice(_IGNORED)

    def is_delivery(self, reply: str) -> bool:
        """Return True if a reply subject is that of a delivery of the consumer."""
        return self.is_first(reply) is not None or self._is_any(reply) is not None

    def ignores(self, message: NatsDelivery) -> bool:
        """Return True, and count the message, if it is neither a delivery nor a request's status."""
        if message.reply:
            known = self.is_delivery(message.reply)
        else:
            headers = message.headers or {}
            left = headers.get("Nats-Pending-Messages", "0")
            known = _STATUS(headers.get("Status", "")) is not None and left.isdecimal()
        if not known:
            data, reply = message.data, message.reply[:_SHOWN_BYTES]
            self._ignored.add(f"{data[:_SHOWN_BYTES]!r} ({len(data)} bytes), reply {reply!r}")
        return not known
