"""Python nodes and Go peers come and go, and all that stay hear all: judged by a checker from outside."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.kit.go.libp2p import build
from tests.kit.libp2p.churn import Churn, Topology
from tests.kit.libp2p.churn_check import Life, Sent, check
from tests.kit.soak import SOAK, seeded, sized


@pytest.mark.soak
@pytest.mark.parametrize("topology", ["hubs", "random"] if SOAK else ["hubs"])
async def test_nodes_that_stay_hear_all_while_others_are_restarted(
    tmp_path: Path, topology: Topology
) -> None:
    seed = seeded(1)
    each = sized(3, 10)
    churn = Churn(build(), tmp_path, each, each, topology, seed)
    verdict = await churn.run(sized(2, 20), 1.5)
    said = f"seed {seed}: {verdict}, refused: {churn.refused}"
    assert churn.deaf_at_first == [], said
    assert verdict.wanted > 50, said
    assert verdict.share >= 0.999, said
    assert churn.deaf_at_last == [], said


SENT = [Sent(0, "a", 10), Sent(1, "b", 20), Sent(2, "c", 30)]
HEARD = {"a": {1, 2}, "b": {0, 2}, "c": {0, 1}}
LIVES = [Life(node, 0, 40) for node in "abc"]


def test_the_checker_finds_nothing_in_a_run_where_all_hear_all() -> None:
    verdict = check(SENT, HEARD, LIVES, 5)
    assert (verdict.wanted, verdict.lost, verdict.share) == (6, [], 1)


def test_the_checker_finds_what_a_node_did_not_hear() -> None:
    verdict = check(SENT, {**HEARD, "c": {0}}, LIVES, 5)
    assert (verdict.wanted, verdict.lost) == (6, [(SENT[1], "c")])
    assert math.isclose(verdict.share, 5 / 6)
    assert len(check(SENT, {}, LIVES, 5).lost) == 6


@pytest.mark.parametrize(
    ("restarted", "wanted"),
    [
        ("a", 5),  # it needs not hear what was sent just before its end; what it sent counts
        ("b", 4),  # what it sent does not count either
        ("c", 5),
    ],
)
def test_the_checker_wants_nothing_of_nodes_that_were_not_up_for_long(
    restarted: str, wanted: int
) -> None:
    lives = [life for life in LIVES if life.node != restarted]
    lives += [Life(restarted, 0, 19), Life(restarted, 21, 40)]
    assert check(SENT, HEARD, lives, 5).wanted == wanted
