"""Differing claims: envelopes that claim another source than the transport knows; counted and logged."""

from __future__ import annotations

import logging

from ..quiet import Quiet

__all__ = ["DifferingClaims"]

_log = logging.getLogger("dms_events")


class DifferingClaims:
    """Counts the differing claims of one subscription or responder; logs at most a line a second."""

    def __init__(self) -> None:
        self.count = 0
        self._quiet = Quiet()

    def add(self, source: str, claimed: str) -> None:
        """Count a message of ``source`` whose envelope claims the source ``claimed``."""
        self.count += 1
        if self._quiet.over():
            _log.warning(
                "a message from source %.300r claims the source %.300r; the claim is ignored "
                "(%d such messages so far)",
                source,
                claimed,
                self.count,
            )
