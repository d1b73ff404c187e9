"""The receiver of a paused subscription."""

from __future__ import annotations

from ..errors import TransportError
from ..transport import Receiver

__all__ = ["Paused"]


class Paused(Receiver):
    """Takes the place of a receiver whose remaining messages nobody shall take."""

    def pop(self) -> None:
        """Return None: there is no message to take."""
        return None

    async def wait(self, timeout_s: float | None) -> bool:
        """Return False at once; without a limit of time it raises TransportError."""
        if timeout_s is None:
            raise TransportError("the subscription is paused, and receives no more")
        return False
