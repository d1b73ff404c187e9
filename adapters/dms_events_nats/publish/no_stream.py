"""Find out whether no stream stores a subject, when no stream answers to a publish."""

from __future__ import annotations

import time

import nats.errors
from nats.aio.client import Client

from ..client import request

__all__ = ["NoStreamProbe"]

_LIMIT_S = 10.0
_LOOKS = 2
_LOOK_S = 1.0


class NoStreamProbe:
    """The time in which no stream answers on a subject.

    The server is asked twice whether a stream stores the subject. One answer is not enough: a cluster's
    new leader may give it before it has heard of every stream. Without a clear no (there is a stream,
    the server does not answer, or it may not be asked), the publisher waits for ``_LIMIT_S``.
    """

    def __init__(self, client: Client, subject: str) -> None:
        self._client = client
        self._subject = subject
        self._since = time.monotonic()
        self._look_at = 0.0
        self._looks_left = _LOOKS
        self.verdict = ""
        """The reason to wait no longer; empty while there is hope."""

    async def look(self, limit_s: float) -> None:
        """Ask the server if it is time, for at most ``limit_s``, and set the verdict."""
        if self._looks_left and time.monotonic() >= self._look_at:
            nowhere = await self._nowhere(min(_LOOK_S, limit_s))
            self._looks_left = self._looks_left - 1 if nowhere else 0
            self._look_at = time.monotonic() + _LOOK_S
            if nowhere and not self._looks_left:
                self.verdict = (
                    f"no stream stores {self._subject}. Make the streams (`dms-events nats setup`, or "
                    "connect with make_streams=True), or check the root"
                )
        elif time.monotonic() - self._since > _LIMIT_S:
            self.verdict = f"no stream stored {self._subject} for {_LIMIT_S:g} s"

    async def _nowhere(self, limit_s: float) -> bool:
        asked = {"subject": self._subject}
        try:
            answer = await request(self._client, "STREAM.NAMES", asked, timeout_s=limit_s)
        except (nats.errors.Error, OSError):
            return False
        return not answer.get("streams")
