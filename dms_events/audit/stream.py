"""Read what a stream holds, beside all of its durables."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, Final

from ..bus import Bus, Message
from ..dead_letters.replay import PREFIX, reader_of, reader_token
from ..errors import ConnectionLostError

__all__ = ["StreamReading", "is_for_another"]

_BATCH: Final = 500
_BATCH_BYTES: Final = 8 << 20
_PAUSE_S: Final = 0.2


class StreamReading:
    """The messages of some types, in order, from the first to the one at a sequence.

    It reads through a consumer of its own, which is deleted at the end. Some messages may come twice, or
    be later ones.

    Args:
        patterns: types, or patterns of types.
        upto: sequence of the last message.
    """

    def __init__(self, bus: Bus, patterns: Sequence[str], upto: int) -> None:
        self._subscription = bus.subscribe(*patterns, start="all")
        self._upto = upto

    @property
    def unreadable(self) -> int:
        """Messages that are no events."""
        return self._subscription.undecodable

    async def batches(self) -> AsyncGenerator[list[Message[Any]], None]:
        """Yield the messages, in lists.

        Raises:
            TransportError: the stream cannot be read to its end.
        """
        sequence = 0
        async with self._subscription as subscription:
            while sequence < self._upto:
                messages = await subscription.batch(_BATCH, _PAUSE_S, max_bytes=_BATCH_BYTES)
                if not messages:
                    if not await subscription.backlog():
                        return
                    continue
                sequence = messages[-1].sequence
                yield messages
                with suppress(ConnectionLostError):  # then they come again
                    for message in messages:
                        if not message.delivery.ack_soon():
                            await message.ack()


def is_for_another(message: Message[Any], durable: str) -> bool:
    """True if a message is a replay for another durable."""
    id = message.delivery.message_id
    return id.startswith(PREFIX) and reader_of(id) not in ("", reader_token(durable))
