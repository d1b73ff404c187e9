"""Go's ``[]byte``, and the envelope that carries it."""

from __future__ import annotations

import pytest

from dms_events import DecodeError, codec
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
