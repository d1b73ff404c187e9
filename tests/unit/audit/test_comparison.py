"""Two documents of one event are compared field by field."""

from __future__ import annotations

import pytest

from dms_events.audit.comparison import differing_fields, digest_of

ONE = b'{"@timestamp":"t","event":{"id":"1","ingested":"2026-01-01"},"a":{"b":[1,{"c":2}]},"n":1.5}'


@pytest.mark.parametrize(
    "other",
    [
        ONE.replace(b"2026-01-01", b"2026-02-02"),
        ONE.replace(b',"ingested":"2026-01-01"', b""),
        b'{"n":1.5,"a":{"b":[1,{"c":2}]},"event":{"ingested":"x","id":"1"},"@timestamp":"t"}',
    ],
    ids=["stored later", "no time of storing", "keys in another order"],
)
def test_the_time_of_storing_and_the_order_of_keys_do_not_count(other: bytes) -> None:
    assert digest_of(other) == digest_of(ONE)
    assert differing_fields(ONE, other) == {}


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        (ONE.replace(b"1.5", b"1.25"), {"n": ("1.5", "1.25")}),
        (ONE.replace(b',"n":1.5', b""), {"n": ("1.5", "")}),
        (ONE.replace(b'"c":2', b'"c":3'), {"a.b": ('[1,{"c":2}]', '[1,{"c":3}]')}),
        (ONE.replace(b'"id":"1"', b'"id":"2"'), {"event.id": ('"1"', '"2"')}),
        (ONE.replace(b'"n"', b'"m"'), {"n": ("1.5", ""), "m": ("", "1.5")}),
        (ONE.replace(b'{"b":[1,{"c":2}]}', b"{}"), {"a": ("", "{}"), "a.b": ('[1,{"c":2}]', "")}),
    ],
)
def test_each_field_that_differs_is_named_with_both_values(
    other: bytes, fields: dict[str, tuple[str, str]]
) -> None:
    assert digest_of(other) != digest_of(ONE)
    assert differing_fields(ONE, other) == fields


@pytest.mark.parametrize("other", [b'{"a":"\\ud800"}', b"[" * 100_000, b"\xff", b"7", b"null"])
def test_what_is_no_document_differs_and_raises_nothing(other: bytes) -> None:
    assert digest_of(other) != digest_of(ONE)
    assert differing_fields(ONE, other)
