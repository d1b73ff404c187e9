"""The failure policy as a state machine, over generated stories of deliveries, raises and crashes."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import ConfigError
from dms_events.worker.attempts import AttemptRecord
from dms_events.worker.policy import (
    MOST_TOGETHER,
    Decision,
    RetryPolicy,
    group_size,
    may_join,
)


@dataclass
class Told:
    """A message, and what its handler does with it."""

    raises: int = 0
    kills: bool = False
    delivery: int = 0
    """How often the broker has delivered it."""
    record: AttemptRecord | None = None
    """What is noted of it."""
    end: str = ""
    raised: int = 0
    crashed_alone: int = 0


class World:
    """A broker, its notes, and one process after the other that follows the policy."""

    def __init__(self, policy: RetryPolicy, messages: list[Told], dice: random.Random) -> None:
        self.policy = policy
        self.messages = messages
        self.dice = dice
        self.most_shut_down_runs = 50
        self.deaths = 0

    def run(self) -> None:
        runs = 0
        while any(not m.end for m in self.messages):
            runs += 1
            assert runs < 2000, "it never ends"
            self.process(shut_down=runs < self.most_shut_down_runs and self.dice.random() < 0.2)

    def process(self, *, shut_down: bool) -> None:
        """One life: it takes what is there, and handles it until it dies, is stopped or is done."""
        suspects, beside = self.take()
        while suspects:
            size = group_size(may_join(message.record) for message in suspects)
            group, suspects = suspects[:size], suspects[size:]
            if not self.try_group(group, shut_down):
                return
        for place, message in enumerate(beside):
            if message.kills:
                self.deaths += 1
                return
            if self.stops(shut_down):
                for rest in beside[place:]:
                    if self.dice.random() < 0.7:
                        rest.record = self.policy.on_give_back(rest.record, rest.delivery)
                return
            self.handle(message, alone=False)

    def try_group(self, group: list[Told], shut_down: bool) -> bool:
        """Whether the process lives on; of those that are not begun at its end nothing is noted."""
        size = len(group)
        assert 1 <= size <= min(may_join(message.record) for message in group)
        for message in group:
            if self.stops(shut_down):
                return False
            record = self.policy.on_start_in_quarantine(
                message.record, message.delivery, "now", group=size
            )
            message.record = record
            if message.kills:
                self.deaths += 1
                message.crashed_alone += size == 1
                return False
            if self.stops(shut_down):
                message.record = self.policy.on_interruption(record, message.delivery, group=size)
                return False
            self.handle(message, alone=size == 1)
        return True

    def stops(self, shut_down: bool) -> bool:
        return shut_down and self.dice.random() < 0.3

    def take(self) -> tuple[list[Told], list[Told]]:
        """Everything that has no end yet: the suspects, and the others."""
        suspects: list[Told] = []
        beside: list[Told] = []
        for message in [m for m in self.messages if not m.end]:
            message.delivery += 1
            decision = Decision.RUN
            if message.delivery > 1:
                decision = self.policy.on_redelivery(message.record, message.delivery)
            if decision is Decision.BURY:
                message.end = "buried"
            else:
                (suspects if decision is Decision.QUARANTINE else beside).append(message)
        self.dice.shuffle(suspects)
        self.dice.shuffle(beside)
        return suspects, beside

    def handle(self, message: Told, *, alone: bool) -> None:
        if message.raised >= message.raises:
            message.end = "handled"
            return
        message.raised += 1
        record = self.policy.on_raise(message.record, message.delivery, "now", alone=alone)
        message.record = record
        if not self.policy.left(record):
            message.end = "buried"


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 9)).map(
            lambda given: Told(kills=True) if given[1] == 0 else Told(raises=given[0])
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_who_is_to_blame_is_buried_and_nobody_else(
    messages: list[Told], attempts: int, dice: random.Random
) -> None:
    policy = RetryPolicy(attempts=attempts)
    World(policy, messages, dice).run()
    for message in messages:
        if message.kills:
            assert message.end == "buried"
            assert message.crashed_alone == attempts
        elif message.raises < attempts:
            assert message.end == "handled"
            assert message.crashed_alone == 0
        else:
            assert message.end == "buried"
            assert message.raised == attempts


@given(st.integers(2, 600), st.integers(1, 3), st.randoms(use_true_random=False))
def test_one_that_kills_is_found_out_by_few_deaths_however_many_were_held_with_it(
    held: int, attempts: int, dice: random.Random
) -> None:
    messages = [Told(kills=number == 0) for number in range(held)]
    world = World(RetryPolicy(attempts=attempts), messages, dice)
    world.most_shut_down_runs = 0
    world.run()
    assert [message.end for message in messages] == ["buried"] + ["handled"] * (held - 1)
    assert world.deaths <= 1 + MOST_TOGETHER.bit_length() - 1 + attempts


@given(st.integers(1, 100), st.floats(0, 1), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_wait_is_drawn_from_a_doubling_range(
    spent: int, chance: float, base: float, most: float
) -> None:
    policy = RetryPolicy(backoff_s=base, backoff_max_s=most)
    assert 0 <= policy.delay_s(spent, chance) <= min(most, base * 2.0 ** (spent - 1))
    assert policy.delay_s(spent, 1.0) == min(most, base * 2.0 ** min(spent - 1, 64))


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"backoff_s": -1}, {"backoff_max_s": float("nan")}]
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RetryPolicy(**wrong)  # type: ignore[arg-type]
