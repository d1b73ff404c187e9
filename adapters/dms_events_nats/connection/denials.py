"""Log denials for which no caller waits: those of acknowledgements above all."""

from __future__ import annotations

import logging

from dms_events.quiet import Quiet

from .asking import Denial

__all__ = ["DenialLog"]

_log = logging.getLogger("dms_events")
_QUIET_S = 60.0
_MOST_KNOWN = 1_000


class DenialLog:
    """Warns of each kind of subject at most once in a minute."""

    def __init__(self) -> None:
        self._quiet: dict[str, Quiet] = {}

    def add(self, denial: Denial) -> None:
        """Log a denial, unless one of its kind was logged within the last minute."""
        ack = denial.action == "publish" and denial.subject.startswith("$js.ack.")
        kind = "$JS.ACK.>" if ack else f"{denial.action} {denial.subject}"
        if kind not in self._quiet and len(self._quiet) >= _MOST_KNOWN:
            self._quiet.clear()
        if not self._quiet.setdefault(kind, Quiet(_QUIET_S)).over():
            return
        if ack:
            _log.warning(
                "the server takes no acknowledgement from this account, so every message is delivered "
                'again and again: %s. Permit the account to publish to "$JS.ACK.>"',
                denial.words(denial.subject),
            )
        else:
            _log.warning(
                "the server does not permit an action of this account: %s",
                denial.words(denial.subject),
            )
