from __future__ import annotations

import gzip

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dms_events_elasticsearch.bulk.encode import compressed, encode, halves, split

from .test_judge import document

sizes = st.lists(st.integers(0, 300), max_size=30)


@given(sizes, st.integers(1, 40), st.integers(1, 2_000))
def test_a_batch_is_split_in_order_and_within_the_limits(
    lengths: list[int], most: int, limit: int
) -> None:
    batch = [document(str(n), b"x" * length) for n, length in enumerate(lengths)]
    parts = list(split(batch, range(len(batch)), most, limit))
    assert [position for part in parts for position in part] == list(range(len(batch)))
    assert all(0 < len(part) <= most for part in parts)
    for part in parts:
        assert len(part) == 1 or len(encode([batch[position] for position in part])) <= limit


@given(st.integers(2, 50))
def test_halves_are_both_smaller_and_keep_the_order(length: int) -> None:
    first, second = halves(range(length))
    assert first
    assert second
    assert [*first, *second] == list(range(length))


def test_a_body_travels_as_it_is() -> None:
    first, second, rest = encode([document('a"b', b'{"n":1.10,"s":"\\n"}')]).split(b"\n")
    assert msgspec.json.decode(first) == {
        "create": {"_index": "dms-elk_stats.service_call-2026.11", "_id": 'a"b'}
    }
    assert (second, rest) == (b'{"n":1.10,"s":"\\n"}', b"")


def test_a_line_break_in_a_body_cannot_smuggle_a_command() -> None:
    body = encode([document(body=b'{}\n{"delete":{"_index":"x","_id":"1"}}')])
    assert body.count(b"\n") == 2


def test_a_compressed_request_is_gzip_of_the_same_bytes() -> None:
    body = encode([document(str(n)) for n in range(100)])
    assert gzip.decompress(compressed(body)) == body
    assert len(compressed(body)) < len(body) / 4
