"""Which text can be a source, a durable or a root, and what the errors say."""

from __future__ import annotations

import pytest

from dms_events import ConfigError, Worker
from dms_events.names import check_durable, check_source, checked_root


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "the name is empty"),
        ("a.b", "'a.b' has '.': no name has .* Write 'a-b'"),
        ("a\\b", r"'a\\\\b' has '\\\\': no name has .* Write 'a-b'"),
        ("a b\n", r"has ' ': .* Write 'a-b-'"),
        ("a\x00", r"'a\\x00' has a NUL\. Write 'a-'"),
        ("\ud800", r"has '\\ud800': .* a lone surrogate"),
        ("x" * 201, "has 201 characters, more than the limit of 200"),
        ("é" * 128, "has 256 bytes, more than the limit of 255"),
    ],
)
def test_a_durable_is_refused_with_what_is_wrong_and_how_to_mend_it(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        check_durable(name)
    assert refused.value.setting == "durable"
    with pytest.raises(ConfigError, match=said):
        Worker(name)


def test_a_durable_that_is_read_by_partitions_leaves_room_for_their_numbers() -> None:
    check_durable("é" * 122, partitioned=True)
    with pytest.raises(ConfigError, match="has 246 bytes, more than the limit of 244"):
        Worker("é" * 123, partitioned=True)


def test_a_source_is_refused_with_what_it_should_be() -> None:
    with pytest.raises(ConfigError, match=r"source: 'a\.b' has '\.'.*; use a peer id"):
        check_source("a.b")


@pytest.mark.parametrize(
    "root", ["", ".", "a.", ".a", "a..b", "a b", "ä", "a*", "/a", "a/b", "a\n"]
)
def test_a_root_is_of_plain_tokens(root: str) -> None:
    with pytest.raises(ConfigError, match="cannot begin a subject: use up to 200 characters"):
        checked_root(root)
    assert checked_root("a.B-c_9") == "a.B-c_9"


@pytest.mark.parametrize("root", ["", "/", "a//b", "a/", "a b", "a/./b"])
def test_the_root_of_topics_may_have_slashes_between_its_tokens(root: str) -> None:
    with pytest.raises(ConfigError, match="separated by dots or slashes"):
        checked_root(root, slashes=True)
    assert checked_root("/a/b.c", slashes=True) == "/a/b.c"
