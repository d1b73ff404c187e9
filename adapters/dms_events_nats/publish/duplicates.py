"""Notice two events under one identity: the server calls a message a duplicate that was sent once."""

from __future__ import annotations

from dms_events.quiet import Notice
from dms_events.transport import OutgoingMessage

from .call import Call

__all__ = ["Duplicates"]

_MOST_EXPECTED = 20_000
_TEXT = (
    "%d events were stored before under their identity, and were not stored again. They were published "
    "twice, or two events have one identity. The last one: %s"
)


class Duplicates:
    """Counts duplicates, except those of messages that were sent again for want of an acknowledgement."""

    def __init__(self) -> None:
        self._notice = Notice(_TEXT)
        self._expected: dict[str, None] = {}
        self.count = 0
        """How many duplicates there were."""

    def expect(self, call: Call) -> None:
        """Expect duplicates of the messages that a call leaves open: they may be published again."""
        for id in (*call.sent_before, *(message.id for message in call.unacked.values())):
            self._expected[id] = None
        while len(self._expected) > _MOST_EXPECTED:
            del self._expected[next(iter(self._expected))]

    def add(self, call: Call, message: OutgoingMessage) -> None:
        """Take in that the server calls a message of a call a duplicate."""
        if message.id in call.sent_before or message.id in self._expected:
            return
        self.count += 1
        if not message.is_shared:
            self._notice.add(f"{message.type_name} {message.id!a}")
