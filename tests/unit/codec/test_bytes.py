"""Go's ``[]byte``, and the envelope that carries it."""

from __future__ import annotations

import pytest

from dms_events import DecodeError, codec
from dms_events.types.machine import KadDHTMachineUpdate
from dms_events.types.network_config import MessageEnvelope


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('"AQID"', b"\x01\x02\x03"),
        ('"AQ\\r\\nID"', b"\x01\x02\x03"),
        ('"AQI="', b"\x01\x02"),
        ("[1,2,255]", b"\x01\x02\xff"),
        ("[1,null]", b"\x01\x00"),
        ("null", b""),
        ('""', b""),
        ("[]", b""),
    ],
)
def test_bytes_are_base64_or_numbers(data: str, value: bytes) -> None:
    assert codec.decode(f'{{"Type":"t","Data":{data}}}'.encode(), MessageEnvelope).data == value


@pytest.mark.parametrize(
    "data", ['"AQI"', '"A-_/"', '"AQ ID"', "[256]", "[-1]", "[1.0]", "5", "{}"]
)
def test_other_bytes_are_refused(data: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode(f'{{"Type":"t","Data":{data}}}'.encode(), MessageEnvelope)
    assert caught.value.path in ("Data", "Data[0]")


@pytest.mark.parametrize(
    "data",
    [b'{"type":"t","data":"AQID"}', b'{"TYPE":"t","dATA":"AQID"}', b'{"Type":"t","data":[1,2,3]}'],
)
def test_the_envelopes_keys_are_read_in_any_case(data: bytes) -> None:
    assert codec.decode(data, MessageEnvelope) == MessageEnvelope(type="t", data=b"\x01\x02\x03")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('"Data":[1,2,3],"Data":[null]', b"\x01"),
        ('"Data":[1,2,3],"Data":[9],"Data":[null,null,null,null]', b"\x09\x02\x03\x00"),
        ('"Data":[1,2,3],"Data":[],"Data":[null,null]', b"\x00\x00"),
        ('"Data":[1,2,3],"Data":null,"Data":[null]', b"\x00"),
        ('"Data":[1,2,3],"Data":"CQ==","Data":[null,null]', b"\x09\x00"),
        ('"Data":"AQID","Data":[9],"Data":[8,null]', b"\x08\x02"),
    ],
)
def test_bytes_that_come_again_are_read_over_those_that_were_there(data: str, value: bytes) -> None:
    written = f'{{"x_unknown":0,{data}}}'.encode()
    assert codec.decode(written, MessageEnvelope).data == value


def test_what_lies_beyond_the_bytes_of_one_field_is_not_found_by_another() -> None:
    """Python has one object for all bytes of one byte."""
    written = b'{"x":0,"data":[1,2],"data":[9],"signature":[9],"signature":[5,null]}'
    update = codec.decode(written, KadDHTMachineUpdate)
    assert (update.data, update.signature) == (b"\x09", b"\x05\x00")
