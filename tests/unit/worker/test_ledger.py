"""The ledger: which messages and identities it knows, for how long, and in how much memory."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.worker import ledger as module
from dms_events.worker.ledger import Ledger
from dms_events.worker.recent import Recent

STORED = 1_795_460_123_000_000_000


def at(sequence: int, stored: int = STORED) -> int:
    """The position of a message."""
    return sequence << 64 | stored


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(0, 2), st.booleans()),
        max_size=60,
    )
)
def test_it_knows_messages_by_position_and_handled_events_by_identity(
    story: list[tuple[int, int, int, bool]],
) -> None:
    ledger: Ledger[str] = Ledger(100)
    settled: set[int] = set()
    handled: set[str] = set()
    for number, sequence, later, rejected in story:
        identity, position = f"node id{number}", at(sequence, STORED + later)
        expected = True if position in settled else False if identity in handled else None
        assert ledger.judged(identity, position) is expected
        if expected is None:
            ledger.in_hand[identity] = "in hand"
            if rejected:
                ledger.reject(identity, position)
            else:
                ledger.settle(identity, position)
                handled.add(identity)
            assert not ledger.in_hand
        else:
            ledger.remember(position)
        settled.add(position)


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


def test_two_readers_that_share_the_sequences_remember_their_own() -> None:
    ledger: Ledger[str] = Ledger(10)
    for sequence in range(1, 20_001, 2):
        ledger.settle(f"node {sequence}", at(sequence, STORED + sequence))
    for sequence in range(1, 20_001):
        known = ledger.judged(f"node new-{sequence}", at(sequence, STORED + sequence))
        assert known is (True if sequence % 2 else None)


@pytest.mark.parametrize("own_hash", [hash, module._long_hash])
def test_identities_outlive_positions_of_another_history(
    own_hash: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_hash", own_hash)
    ledger: Ledger[str] = Ledger(1000)
    for sequence in range(1, 1001):
        ledger.settle(f"_ {sequence}", at(sequence))
    assert all(ledger.judged(f"_ {n}", at(n)) is True for n in range(1, 1001))
    assert all(ledger.judged(f"_ {n}", at(n, STORED + 1)) is False for n in range(1, 1001))
    assert all(ledger.judged(f"a {n}", at(n, STORED + 1)) is None for n in range(1, 1001))


MEASURED = """
import sys
from dms_events.worker.ledger import Ledger

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

stored = 1_795_460_123_000_000_000
before, most = resident(), 0
ledger = Ledger(500_000)
for sequence in range(1, 1_500_001):
    ledger.settle(f"12D3KooW {sequence:036}", sequence << 64 | stored + 80_000 * sequence)
    if not sequence % 1000:
        most = max(most, resident() - before)
for sequence in range(1_500_000 - 1_440_000 + 1, 1_500_001, 97):
    assert ledger.judged("12D3KooW new", sequence << 64 | stored + 80_000 * sequence) is True
for sequence in range(1_000_001, 1_500_001, 97):
    later = sequence + 3_000_000
    assert ledger.judged(f"12D3KooW {sequence:036}", later << 64 | stored) is False
assert ledger.judged("12D3KooW new", 1_500_000 << 64 | stored + 1) is None
print(most)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_two_ack_waits_of_positions_and_half_a_million_identities_take_64_mb_at_most() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 40_000_000 < int(done.stdout) <= 64_000_000
