"""No document breaks a reader, makes it hang, or takes more memory than a few times its size.

Each test reads in a process of its own, so that a hang is a failure and memory is what the system gave.
"""

from __future__ import annotations

import sys

import pytest

from tests.kit.documents.golden import go_names
from tests.kit.documents.hostile import MANY, PACKED, REPEATED, WHOLE
from tests.kit.programs.bounded import bounded
from tests.kit.soak import seeded, sized

pytestmark = pytest.mark.soak

DOCUMENTS = sized(30_000, 300_000)
SIZE = sized(1_000_000, 10_000_000)
HUGE = 10_000_000
HANGS_S = 600
SLACK = (4 if sys.version_info < (3, 13) else 8) << 20
"""Bytes that a process takes whatever it reads, and for a document that is as deep as Go takes.

Python frees deep lists on the C stack since 3.13, which takes 2 MB more.
"""
STACK = 0 if sys.version_info < (3, 14) else 8 << 20
"""Bytes that recursion takes in a document without end: since Python 3.14 it ends with the stack."""


def reads(kind: str, size: int, times: int) -> None:
    """Read all documents of a kind within ``times`` their size."""
    answers = bounded("tests.kit.documents.hostile", kind, size, within_s=HANGS_S)
    assert answers
    for name, strict, length, most, _ in answers:
        assert most < times * length + SLACK, (name, strict, most / length)


def test_a_damaged_document_of_any_type_is_read_or_refused_and_raises_nothing_else() -> None:
    answers = bounded("tests.kit.documents.damaged", DOCUMENTS, seeded(4), within_s=3 * HANGS_S)
    assert sum(read for _, read, _ in answers) == DOCUMENTS
    assert {name for name, _, _ in answers} == set(go_names())
    for name, read, refused in answers:
        assert 0 < refused < read, name


@pytest.mark.parametrize("kind", WHOLE)
def test_a_value_of_one_piece_takes_a_few_times_its_size(kind: str) -> None:
    reads(kind, SIZE, 16)


@pytest.mark.parametrize("kind", ["a long integer", "a long fraction", "a huge string"])
def test_ten_megabytes_of_one_piece_take_a_few_times_their_size(kind: str) -> None:
    reads(kind, HUGE, 4)


@pytest.mark.parametrize("kind", ["deep arrays", "deep objects", "packed deep arrays"])
def test_ten_megabytes_of_depth_are_refused_and_take_no_more_than_their_size(kind: str) -> None:
    answers = bounded("tests.kit.documents.hostile", kind, HUGE, within_s=HANGS_S)
    for name, strict, length, most, outcome in answers:
        assert outcome == "refused", name
        assert most < 2 * length + STACK, (name, strict)


@pytest.mark.parametrize("kind", MANY)
def test_very_many_small_values_take_what_their_objects_take(kind: str) -> None:
    """Python's json module takes up to 25 times the size for them."""
    reads(kind, SIZE, 64)


@pytest.mark.parametrize("kind", REPEATED)
def test_a_key_that_comes_again_and_again_is_read_in_proportion_to_the_document(kind: str) -> None:
    reads(kind, SIZE, 128 if kind == "empty structs" else 32)


@pytest.mark.parametrize("kind", PACKED)
def test_what_messagepack_claims_is_not_believed(kind: str) -> None:
    reads(kind, SIZE, 4)
