"""Unknown keys of an event stay in its document, whatever they are, within limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import codec
from dms_events.sink import document_of
from dms_events.sink.extra import EXTRA_BYTES
from dms_events.types.elk_stats import ServiceRemove
from tests.kit.documents.messages import Message

Json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def extra(members: str, *, canonical: bool = False) -> Any:
    """The ``dms.extra`` of an event with these members beside its own; None if it has none."""
    data = f'{{"ServiceID":"s","Timestamp":1,{members}}}'.encode()
    event = codec.decode(data, ServiceRemove)
    body = json.loads(document_of(Message(event, data=data, canonical=canonical)).body)
    assert list(body)[:2] == ["ServiceID", "Timestamp"]
    return body["dms"].get("extra")


def depth(value: Any) -> int:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, inside), default=0)
    return 0


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        ('"Region":"eu"', {"Region": "eu"}),
        ('"a":{"b":[1,2.50,true,null]}', {"a": {"b": [1, 2.5, True, None]}}),
        ('"a":1,"a":2', {"a": 2}),
        ('"a":{"b":1,"b":2}', {"a": {"b": 2}}),
        ('"":1', {"": 1}),
        (r'"a\u0000":"\u0000"', {"a\N{SYMBOL FOR NULL}": "\0"}),
        (r'"a":"\ud800"', {"a": "\ufffd"}),
        (f'"n":{"9" * 2000}', {"n": "9" * 2000}),
        ('"a":{"b":{"c":[[1,{"d":"e"}],"f"]}}', {"a": {"b": {"c": ['[1,{"d":"e"}]', "f"]}}}),
        ('"serviceid":"t"', None),
    ],
)
def test_an_unknown_key_stays_in_the_document(members: str, kept: Any) -> None:
    assert extra(members) == kept


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_what_is_nested_too_deep_becomes_text(opened: str) -> None:
    closed = "]" if opened == "[" else "}"
    found = extra(f'"deep":{opened * 2000}1{closed * 2000}')
    while isinstance(found, dict | list):
        (found,) = found.values() if isinstance(found, dict) else found
    assert json.dumps(found).count(opened[0]) == 2000 - 3


@pytest.mark.parametrize(
    ("members", "left_out"),
    [
        (f'"a":1,"long":"{"x" * 40_000}"', 1),
        (f'"a":1,"{"k" * 40_000}":2,"{"l" * 40_000}":2', 2),
        (f'"long":"{"x" * (EXTRA_BYTES - 12)}","a":1', 1),
    ],
)
def test_an_unknown_key_for_which_there_is_no_room_is_left_out(members: str, left_out: int) -> None:
    found = extra(members)
    assert found.pop("(left out)") == left_out
    assert len(found) == 1


def test_unknown_keys_are_kept_up_to_the_limit() -> None:
    found = extra(",".join(f'"k{n}":"{"v" * 100}"' for n in range(1000)))
    left_out = found.pop("(left out)")
    assert len(found) + left_out == 1000
    written = json.dumps(found, separators=(",", ":"))
    assert EXTRA_BYTES - 110 < len(written) <= EXTRA_BYTES


@pytest.mark.parametrize("more", ["", ',"a":"%s"' % ("x" * EXTRA_BYTES)])
def test_no_key_stands_twice_if_the_event_has_the_one_that_counts_what_is_left_out(
    more: str,
) -> None:
    data = f'{{"ServiceID":"s","Timestamp":1,"(left out)":"mine"{more}}}'.encode()
    event = codec.decode(data, ServiceRemove)
    body = document_of(Message(event, data=data, canonical=False)).body
    assert body.count(b'"(left out)"') == 1
    assert json.loads(body)["dms"]["extra"] == {"(left out)": 2 if more else 1}


def test_a_canonical_event_is_not_searched_for_unknown_keys() -> None:
    assert extra('"a":1', canonical=True) is None


@given(
    st.dictionaries(st.text().filter(lambda key: key.lower() not in "serviceid timestamp"), Json)
)
def test_any_unknown_keys_leave_a_document_within_the_limits(members: dict[str, Any]) -> None:
    text = json.dumps(members)[1:-1]
    found = extra(text) if text else None
    assert depth(found or {}) <= 5
    assert (found or {}).keys() <= {key.replace("\0", "\N{SYMBOL FOR NULL}") for key in members}
