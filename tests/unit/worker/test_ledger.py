"""The ledger: which messages and identities it knows, for how long, and in how much memory."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.transport import Delivery
from dms_events.worker import ledger as module
from dms_events.worker.ledger import Ledger
from dms_events.worker.recent import Recent


class At(int, Delivery):
    """A message, by its number among all that were stored."""

    @property
    def position(self) -> int:
        return int(self)


def handle(ledger: Ledger[str], identity: str, number: int) -> None:
    """What a reader does with a new message."""
    assert ledger.judged(identity, At(number), 1) is None
    ledger.settle(identity)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), max_size=60))
def test_it_knows_handled_events_by_identity_and_messages_that_were_given_up(
    story: list[tuple[int, bool, int]],
) -> None:
    ledger: Ledger[str] = Ledger(1)
    handled: set[str] = set()
    stored: list[tuple[str, At]] = []
    given_up: set[At] = set()
    for event, rejected, back in story:
        stored.append((f"node {event}", At(len(stored) + 1)))
        for identity, message in (stored[-1], stored[-1 - min(back, len(stored) - 1)]):
            verdict = ledger.judged(identity, message, 1)
            if identity in handled:
                assert verdict is not None
            elif message in given_up:
                assert verdict is True
            else:
                assert verdict is None
                ledger.in_hand[identity] = "in hand"
                if rejected:
                    ledger.reject(identity, message)
                    given_up.add(message)
                else:
                    ledger.settle(identity)
                    handled.add(identity)
                assert not ledger.in_hand


def test_a_redelivery_and_an_event_that_is_published_again_are_told_apart() -> None:
    ledger: Ledger[str] = Ledger(1)
    for number in range(1, 1001):
        handle(ledger, f"node {number}", number)
    assert [ledger.judged("node 1", At(1), 1), ledger.judged("node 1000", At(1000), 1)] == [
        True,
        True,
    ]
    assert ledger.judged("node 1", At(1001), 1) is False
    assert ledger.judged("evil 1", At(1001), 1) is None


def test_after_a_message_that_comes_late_redeliveries_are_told_apart_as_before() -> None:
    ledger: Ledger[str] = Ledger(1)
    for number in (*range(1, 500), *range(501, 1001)):
        handle(ledger, f"node {number}", number)
    assert ledger.judged("node 500", At(500), 2) is None
    ledger.settle("node 500")
    assert ledger.judged("node 900", At(900), 1) is True
    assert ledger.judged("node 900", At(1001), 1) is False


def test_where_the_stream_is_made_again_what_is_published_again_is_told_apart() -> None:
    ledger: Ledger[str] = Ledger(1)
    handle(ledger, "node 1", 1000 << 64 | 5_000)
    handle(ledger, "node 2", 1 << 64 | 6_000)
    assert ledger.judged("node 2", At(1 << 64 | 6_000), 1) is True
    assert ledger.judged("node 1", At(2 << 64 | 7_000), 1) is False


@given(st.lists(st.integers(-8, 8), max_size=80), st.integers(1, 5))
def test_the_last_numbers_are_remembered_and_never_one_that_was_not_added(
    story: list[int], count: int
) -> None:
    recent = Recent(count)
    order: dict[int, None] = {}
    for number in story:
        recent.add([number])
        order.pop(number, None)
        order[number] = None
        last = list(order)[::-1]
        assert all(recent.has(known) for known in last[:count])
        remembered = [known for known in range(-8, 9) if recent.has(known)]
        # 0 and 1 share a slot; nothing else is taken for what was not added.
        assert {known or 1 for known in remembered} <= {known or 1 for known in order}
        assert len(remembered) <= 2 * count + 1


@pytest.mark.parametrize("own_hash", [hash, module._long_hash])
def test_identities_are_known_by_either_hash(
    own_hash: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_hash", own_hash)
    ledger: Ledger[str] = Ledger(1)
    for number in range(1, 2001):
        handle(ledger, f"_ {number}", number)
    assert all(ledger.judged(f"_ {number}", At(number), 1) for number in range(1, 2001))
    assert ledger.judged("_ \ud800", At(2001), 1) is None


def test_of_the_messages_that_were_given_up_the_last_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_GIVEN_UP", 10)
    ledger: Ledger[str] = Ledger(1)
    for number in range(1, 31):
        ledger.reject(f"node {number}", At(number))
    known = [n for n in range(1, 31) if ledger.judged(f"node {n}", At(n), 1)]
    assert known == list(range(21, 31))


MEASURED = """
from dms_events.worker.ledger import Ledger

class At(int):
    position = property(int)

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

before, most = resident(), 0
ledger = Ledger(500_000)
for number in range(1, 100_001):
    ledger.reject(f"12D3KooW rejected-{number}", At(number << 64 | 1_795_460_123_000_000_000))
for number in range(1, 1_600_001):
    identity = f"12D3KooW {number:036}"
    if not number % 100:
        assert ledger.judged(identity, At(number + 100_000), 1) is None
    ledger.settle(identity)
    if not number % 1000:
        most = max(most, resident() - before)
for number in range(1_600_000 - 1_440_000 + 1, 1_600_001, 97):
    assert ledger.judged(f"12D3KooW {number:036}", At(number), 1) is True
print(most)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_the_events_of_two_ack_waits_are_known_and_take_64_mb_at_most() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 30_000_000 < int(done.stdout) <= 64_000_000
