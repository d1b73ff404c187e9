"""What Go reads is read, and what it rejects is rejected with the place and the reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import DecodeError, codec
from dms_events.types.elk_stats import (
    DeviceResourceChange,
    NtxPayment,
    ResourceValues,
    ServiceRemove,
)
from dms_events.types.network_config import MessageEnvelope

CANONICAL = b'{"ServiceID":"a","Timestamp":1.5}'
REMOVE = ServiceRemove(service_id="a", timestamp=1.5)


def remove(text: str, *, strict: bool = False) -> ServiceRemove:
    return codec.decode(text.encode(), ServiceRemove, strict=strict)


def refusal(data: bytes, type_: Any = ServiceRemove, *, strict: bool = False) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        codec.decode(data, type_, strict=strict)
    assert caught.value.payload == data
    assert caught.value.type.endswith(f".{type_.__name__}")
    return caught.value


def refused_or_read(data: bytes, type_: type[msgspec.Struct]) -> None:
    error: DecodeError | None = None
    try:
        codec.decode(data, type_)
    except DecodeError as refused:
        error = refused
    assert error is None or (error.payload == data and error.reason)


def test_a_canonical_document_never_takes_the_slow_path() -> None:
    before = codec.slow_path_count()
    assert codec.decode(CANONICAL, ServiceRemove) == REMOVE
    assert remove(' { "Timestamp" : 15e-1 , "ServiceID" : "\\u0061" }\n') == REMOVE
    assert remove('{"ServiceID":"a","Timestamp":1}').timestamp == 1.0
    assert codec.slow_path_count() == before


@pytest.mark.parametrize("more", ['"serviceid":"a"', '"ServiceID":"a","other":[1]'])
def test_a_document_of_another_form_is_counted(more: str) -> None:
    before = codec.slow_path_count()
    assert remove(f'{{{more},"Timestamp":1.5}}') == REMOVE
    assert codec.slow_path_count() == before + 1


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('{"ServiceID":"a"}', ServiceRemove(service_id="a", timestamp=0.0)),
        ('{"Timestamp":1.5}', ServiceRemove(service_id="", timestamp=1.5)),
        ("{}", ServiceRemove(service_id="", timestamp=0.0)),
        ("null", ServiceRemove(service_id="", timestamp=0.0)),
        (" null\n", ServiceRemove(service_id="", timestamp=0.0)),
        ('{"ServiceID":null,"Timestamp":1.5}', ServiceRemove(service_id="", timestamp=1.5)),
        ('{"ServiceID":"a","Timestamp":null}', ServiceRemove(service_id="a", timestamp=0.0)),
        ('{"SERVICEID":"a","timestamp":1.5}', REMOVE),
        ('{"\u017ferviceID":"a","Timestamp":1.5}', REMOVE),
        ('{"ServiceID":"b","serviceID":"a","timestamp":1.5}', REMOVE),
        ('{"serviceID":"b","ServiceID":"a","timestamp":1.5}', REMOVE),
        ('{"ServiceID":"a","timestamp":1.5,"x":{"y":[null,{"z":"\\u0000"}]},"":0}', REMOVE),
        ('{"Timestamp":-0}', ServiceRemove(service_id="", timestamp=0.0)),
        ('{"Timestamp":1e-400}', ServiceRemove(service_id="", timestamp=0.0)),
    ],
)
def test_the_go_decoder_reads_as_go_does(text: str, event: ServiceRemove) -> None:
    assert remove(text) == event


def test_keys_are_folded_letter_by_letter_as_go_does() -> None:
    read = codec.decode('{"SucceßFailStatus":"x"}'.encode(), NtxPayment)
    assert read.success_fail_status == ""
    assert codec.decode(b'{"successfailstatus":"x"}', NtxPayment).success_fail_status == "x"


def test_a_nested_struct_is_read_by_the_same_rules() -> None:
    data = b'{"peerid":"p","CHANGEDATTRIBUTEANDVALUE":{"cpu":1,"RAM":null,"x":1}}'
    assert codec.decode(data, DeviceResourceChange) == DeviceResourceChange(
        peer_id="p",
        changed_attribute_and_value=ResourceValues(
            cpu=1.0, ram=0.0, network=0.0, dedicated_time=0.0
        ),
        timestamp=0.0,
    )
    for text in ("null", "{}"):
        data = b'{"ChangedAttributeAndValue":%s}' % text.encode()
        assert codec.decode(data, DeviceResourceChange).changed_attribute_and_value.cpu == 0.0


def test_float32_is_read_up_to_where_go_rounds_to_infinity() -> None:
    below, above = 2**128 - 2**103 - 1, 2**128 - 2**103
    for sign in ("", "-"):
        assert abs(remove(f'{{"Timestamp":{sign}{below}}}').timestamp) == float(2**128 - 2**104)
        for number in (str(above), "3.5e38", "1e400", "9" * 5_000):
            error = refusal(f'{{"Timestamp":{sign}{number}}}'.encode())
            assert (error.path, "float32" in error.reason) == ("Timestamp", True)
            assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("5.0", "expected int32, got 5.0"),
        ("1e3", "expected int32, got 1e3"),
        ('"5"', "expected int32, got string"),
        ("true", "expected int32, got bool"),
        ("[]", "expected int32, got array"),
        ("2147483648", "expected int32, got 2147483648"),
        ("-2147483649", "expected int32, got -2147483649"),
        ("9" * 400, "expected int32, got 99999"),
    ],
)
def test_an_integer_field_takes_integers_in_its_range(value: str, why: str) -> None:
    error = refusal(b'{"AmountOfNtx":%s}' % value.encode(), NtxPayment)
    assert error.path == "AmountOfNtx"
    assert why in error.reason


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b'{"ServiceID":5,"Timestamp":1}', "ServiceID"),
        (b'{"ServiceID":"a","Timestamp":"1"}', "Timestamp"),
        (b'{"serviceid":[],"Timestamp":1}', "ServiceID"),
        (b'{"ServiceID":{},"Timestamp":1}', "ServiceID"),
        (b'{"ServiceID":"a","Timestamp":false}', "Timestamp"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_place(data: bytes, path: str) -> None:
    error = refusal(data)
    assert error.path == path
    assert error.reason.startswith("expected")
    assert str(error).startswith(f"elk_stats.ServiceRemove: {path}: ")


def test_the_place_of_a_nested_value_is_its_path() -> None:
    data = b'{"ChangedAttributeAndValue":{"CPU":"fast"}}'
    assert refusal(data, DeviceResourceChange).path == "ChangedAttributeAndValue.CPU"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        CANONICAL[:-1],
        CANONICAL + b"x",
        CANONICAL * 2,
        b"[]",
        b"5",
        b'"text"',
        b"nul",
        b"\xef\xbb\xbf" + CANONICAL,
        b'{"Timestamp":01}',
        b'{"Timestamp":1.}',
        b'{"Timestamp":+1}',
        b'{"Timestamp":NaN}',
        b'{"ServiceID":"\n"}',
        b"{'ServiceID':'a'}",
        b'{"x":' + b"[" * 200_000,
        b"\x00\xff\xfe noise",
    ],
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    assert refusal(data).reason


@given(st.binary(max_size=200))
def test_noise_is_refused_and_raises_nothing_else(data: bytes) -> None:
    for type_ in (ServiceRemove, DeviceResourceChange, MessageEnvelope):
        refused_or_read(data, type_)


@given(st.integers(1, len(CANONICAL) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_document_is_read_or_refused_and_raises_nothing_else(
    place: int, noise: bytes
) -> None:
    damaged = CANONICAL[:place] + noise + CANONICAL[place:]
    refused_or_read(damaged, ServiceRemove)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b'{"ServiceID":"a"}', ""),
        (b'{"serviceid":"a","Timestamp":1.5}', "serviceid"),
        (b'{"ServiceID":null,"Timestamp":1.5}', "ServiceID"),
        (b'{"ServiceID":"a","Timestamp":1.5,"x":1}', "x"),
        (b"null", ""),
    ],
)
def test_strict_takes_canonical_documents_only(data: bytes, path: str) -> None:
    codec.decode(data, ServiceRemove)
    assert refusal(data, strict=True).path == path
    assert codec.decode(CANONICAL, ServiceRemove, strict=True) == REMOVE


def test_strict_finds_an_unknown_key_in_a_nested_struct() -> None:
    nested = b'{"CPU":1,"RAM":2,"Network":3,"DedicatedTime":4,"Disk":5}'
    data = b'{"PeerID":"p","ChangedAttributeAndValue":%s,"Timestamp":1}' % nested
    assert refusal(data, DeviceResourceChange, strict=True).path == "ChangedAttributeAndValue.Disk"


def test_strict_refuses_a_key_that_is_no_utf8() -> None:
    assert refusal(CANONICAL[:-1] + b',"\xff":1}', strict=True).reason
