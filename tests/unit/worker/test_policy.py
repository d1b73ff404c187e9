"""The failure policy as a state machine, over generated stories of deliveries, raises and crashes."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import ConfigError
from dms_events.worker.attempts import AttemptRecord
from dms_events.worker.policy import Decision, RetryPolicy


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

    def run(self) -> None:
        runs = 0
        while any(not m.end for m in self.messages):
            runs += 1
            assert runs < 2000, "it never ends"
            self.process(shut_down=runs < self.most_shut_down_runs and self.dice.random() < 0.2)

    def process(self, *, shut_down: bool) -> None:
        """One life: it takes what is there, and handles it until it dies, is stopped or is done."""
        alone, beside = self.take()
        for message in alone:
            if self.stops(shut_down):
                return
            record = self.policy.on_start_alone(message.record, message.delivery, "now")
            message.record = record
            if message.kills:
                message.crashed_alone += 1
                return
            if self.stops(shut_down):
                message.record = self.policy.on_interruption_alone(record, message.delivery)
                return
            self.handle(message, alone=True)
        for place, message in enumerate(beside):
            if message.kills:
                return
            if self.stops(shut_down):
                for rest in beside[place:]:
                    if self.dice.random() < 0.7:
                        rest.record = self.policy.on_give_back(rest.record, rest.delivery)
                return
            self.handle(message, alone=False)

    def stops(self, shut_down: bool) -> bool:
        return shut_down and self.dice.random() < 0.3

    def take(self) -> tuple[list[Told], list[Told]]:
        """Everything that has no end yet: what is handled alone, and what is not."""
        alone: list[Told] = []
        beside: list[Told] = []
        for message in [m for m in self.messages if not m.end]:
            message.delivery += 1
            decision = Decision.RUN
            if message.delivery > 1:
                decision = self.policy.on_redelivery(message.record, message.delivery)
            if decision is Decision.BURY:
                message.end = "buried"
            else:
                (alone if decision is Decision.ALONE else beside).append(message)
        self.dice.shuffle(alone)
        self.dice.shuffle(beside)
        return alone, beside

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
