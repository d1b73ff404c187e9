"""Who owns which partition, over generated lives of readers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dms_events_nats.read.assignment import Assignment, Member

PATIENCE_S = 10.0
BEAT_S = 1.0


class Life:
    """A reader, which knows what it owns from its own last turn only."""

    def __init__(self, partitions: int) -> None:
        self.member = Member(partitions, PATIENCE_S, BEAT_S)
        self.owned: set[str] = set()
        self.beat_at = 0.0

    def turn(self, group: Assignment, now: float) -> Assignment:
        mine = group.owned_by(self.member.name)
        share = group.share_of(self.member.name) if self.member.name in group.beats else len(mine)
        after = self.member.beat(group, now, done_with=mine[share:])
        self.owned, self.beat_at = set(after.owned_by(self.member.name)), now
        return after

    def owns(self, now: float) -> set[str]:
        """What it reads; it stops by itself before others take it for dead."""
        return self.owned if now - self.beat_at < PATIENCE_S * 2 / 3 else set()


steps = st.lists(
    st.tuples(st.sampled_from(["beat", "join", "die", "leave", "pause"]), st.integers(0, 9)),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps, st.integers(0, 9))
def test_a_partition_never_has_two_readers_and_in_the_end_each_has_one(
    script: list[tuple[str, int]], partitions: int
) -> None:
    group, now = Assignment(), 0.0
    lives = [Life(partitions)]
    for what, number in script:
        now += 1.0
        chosen = lives[number % len(lives)] if lives else None
        if what == "join" or chosen is None:
            lives.append(Life(partitions))
        elif what == "beat":
            group = chosen.turn(group, now)
        elif what == "die":
            lives.remove(chosen)
        elif what == "leave":
            group = chosen.member.leave(group)
            lives.remove(chosen)
        else:
            now += number  # nobody says anything for a while
        owned = [part for life in lives for part in life.owns(now)]
        assert len(owned) == len(set(owned))
    lives = lives or [Life(partitions)]
    for _ in range(2 * int(PATIENCE_S)):
        now += 1.0
        for life in lives:
            group = life.turn(group, now)
    counts = [len(life.owned) for life in lives]
    assert sorted(part for life in lives for part in life.owned) == sorted(group.all)
    assert max(counts) - min(counts) <= 1
    assert set(group.beats) == {life.member.name for life in lives}


def test_a_reader_that_stood_still_after_its_first_beat_has_a_part_again() -> None:
    still, other = Life(1), Life(1)
    group = still.turn(Assignment(), 0)
    for now in range(1, 3 + int(PATIENCE_S)):
        group = other.turn(group, now)
    assert group.owned_by(other.member.name) == group.all, "it takes the other one for dead"
    for now in range(20, 23):
        for life in (still, other):
            group = life.turn(group, now)
    assert (len(still.owned), len(other.owned)) == (1, 1)


def test_an_outage_is_nobodys_silence() -> None:
    first, second = Life(8), Life(8)
    group, now = Assignment(), 0.0
    for _ in range(4):
        now += BEAT_S
        for life in (first, second):
            group = life.turn(group, now)
    before = (first.owned, second.owned)
    for _ in range(3):
        now += 100 * PATIENCE_S
        group = first.turn(group, now)  # the other one is the last to reach the server again
        assert set(group.beats) == {first.member.name, second.member.name}
        for _ in range(int(PATIENCE_S) - 3):
            now += BEAT_S
            group = first.turn(group, now)
        group = second.turn(group, now)
    assert (first.owned, second.owned) == before


def test_a_member_whose_own_beats_do_not_arrive_takes_nobody_for_dead() -> None:
    first, second = Life(8), Life(8)
    group = second.turn(first.turn(Assignment(), 1), 2)
    for now in range(3, 100):
        first.turn(group, now)  # it can read, and what it writes gets lost
    assert set(first.turn(group, 100).beats) == set(group.beats)


def test_partitions_stay_where_they_are_when_somebody_joins_or_leaves() -> None:
    first, second = Life(8), Life(8)
    group = first.turn(Assignment(), 0)
    assert len(first.owned) == 9
    group = second.turn(group, 1)
    assert second.owned == set(), "nothing is taken from another"
    for now in (2, 3):
        group = first.turn(group, now)
        group = second.turn(group, now)
    assert sorted([len(first.owned), len(second.owned)]) == [4, 5]
    kept = set(second.owned)
    group = second.turn(first.member.leave(group), 4)
    assert kept < second.owned
    assert len(second.owned) == 9


def test_a_reader_that_ends_takes_nothing_and_gives_up_what_it_is_done_with() -> None:
    member = Member(2, PATIENCE_S, BEAT_S)
    group = member.beat(Assignment(), 0)
    group = member.beat(group, 1, done_with=["1"], ending=True)
    assert group.owned_by(member.name) == ["rest", "0"]


def test_the_larger_number_of_partitions_counts() -> None:
    old, new = Member(2, PATIENCE_S, BEAT_S), Member(4, PATIENCE_S, BEAT_S)
    group = old.beat(Assignment(), 0)
    group = new.beat(group, 1)
    assert group.all == ["rest", "0", "1", "2", "3"]
    assert old.leave(new.leave(group)).partitions == 4, "what is stored there may be unread"
