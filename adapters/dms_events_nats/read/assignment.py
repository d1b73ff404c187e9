"""Assignment of partitions to readers: one document that the readers write in turns.

This module asks no clock and no server.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from itertools import count

import msgspec

from dms_events.names import UNPARTITIONED

__all__ = ["Assignment", "Member"]


class Assignment(msgspec.Struct):
    """The document in the bucket: the readers of a durable, and the partitions that each owns."""

    partitions: int = 0
    """The most partitions that the stream had so far; those removed since may hold unread events."""
    beats: dict[str, int] = {}
    """A number for each member, which grows for as long as the member lives."""
    owners: dict[str, str] = {}
    """The owner of each partition; a partition without an owner is missing."""

    @property
    def all(self) -> list[str]:
        """All partitions, and `UNPARTITIONED`."""
        return [UNPARTITIONED, *map(str, range(self.partitions))]

    def owned_by(self, member: str) -> list[str]:
        """The partitions of a member, in the order of `all`."""
        return [part for part in self.all if self.owners.get(part) == member]

    def share_of(self, member: str) -> int:
        """How many partitions a member should own; the shares of all members add up to `all`."""
        members = sorted(self.beats)
        each, more = divmod(len(self.all), len(members))
        return each + (members.index(member) < more)


class Member:
    """One reader's turns at the document.

    It takes partitions without an owner, up to its share, and never those of another member. A member
    with more than its share gives up the others by itself. A member is taken out when its beat did not
    change for ``patience_s``. Only time in which this member could hear itself counts, since an outage
    of the server or of this process silences everybody. At most two ``beat_s`` between two turns count,
    and no time at all if this member's own beat did not get into the document either.
    """

    def __init__(self, partitions: int, patience_s: float, beat_s: float) -> None:
        self.name = uuid.uuid4().hex
        self.partitions = partitions
        self.patience_s = patience_s
        self.beat_s = beat_s
        """The time between two turns of this member."""
        self._beats = count(1)
        self._heard: dict[str, tuple[int, float]] = {}
        """The beat of each other member, and the time in ``_hearing_s`` at which it was new."""
        self._hearing_s = 0.0
        """How long this member could hear itself so far."""
        self._turn_at_s = 0.0
        self._own_beat: int | None = None

    def beat(
        self,
        assignment: Assignment,
        now_s: float,
        *,
        done_with: Collection[str] = (),
        ending: bool = False,
    ) -> Assignment:
        """The document after this member's turn, which began at ``now_s``.

        The member gives up the partitions ``done_with``. If it is ``ending``, it takes no partition.
        """
        self._hear_itself(assignment, now_s)
        beats = {
            member: beat
            for member, beat in assignment.beats.items()
            if member != self.name and self._lives(member, beat)
        }
        # A new number, even after it was taken out: the others have never heard it.
        beats[self.name] = next(self._beats)
        owners = {
            part: owner
            for part, owner in assignment.owners.items()
            if owner in beats and not (owner == self.name and part in done_with)
        }
        after = Assignment(max(self.partitions, assignment.partitions), beats, owners)
        missing = after.share_of(self.name) - len(after.owned_by(self.name))
        free = [part for part in after.all if part not in owners]
        for part in free[: 0 if ending else max(0, missing)]:
            owners[part] = self.name
        return after

    def leave(self, assignment: Assignment) -> Assignment:
        """The document without this member."""
        beats = {member: beat for member, beat in assignment.beats.items() if member != self.name}
        owners = {part: owner for part, owner in assignment.owners.items() if owner != self.name}
        return Assignment(assignment.partitions, beats, owners)

    def _hear_itself(self, assignment: Assignment, now_s: float) -> None:
        own = assignment.beats.get(self.name)
        if own is not None and own != self._own_beat:
            self._hearing_s += min(now_s - self._turn_at_s, 2 * self.beat_s)
            self._own_beat = own
        self._turn_at_s = now_s

    def _lives(self, member: str, beat: int) -> bool:
        known, since_s = self._heard.get(member, (None, self._hearing_s))
        if known != beat:
            since_s = self._hearing_s
        self._heard[member] = (beat, since_s)
        return self._hearing_s - since_s < self.patience_s
