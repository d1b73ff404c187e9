"""One envelope, two encodings, and Go's own form of it."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import DecodeError, EncodeError, Envelope, codec
from dms_events.envelope import Encoding, decode_envelope, encode_envelope
from dms_events.types.network_config import MessageEnvelope

FULL = Envelope(
    type="elk_stats.ServiceCall",
    data=b'{"CallID":1}\xff\x00',
    id="0193",
    source="12D3KooW",
    time="2026-11-03T04:05:06.123456789Z",
    trace_parent="00-aa-bb-01",
)
BOTH: tuple[Encoding, ...] = ("json", "msgpack")
envelopes = st.builds(
    Envelope,
    type=st.text(),
    data=st.binary(),
    id=st.text(),
    source=st.text(),
    time=st.text(),
    trace_parent=st.text(),
)


@pytest.mark.parametrize("encoding", BOTH)
@given(envelope=envelopes)
def test_both_encodings_carry_an_envelope_whole(encoding: Encoding, envelope: Envelope) -> None:
    assert decode_envelope(encode_envelope(envelope, encoding)) == envelope


@given(envelopes)
def test_the_first_byte_tells_the_encodings_apart(envelope: Envelope) -> None:
    assert encode_envelope(envelope, "json")[:1] == b"{"
    assert encode_envelope(envelope, "msgpack")[0] >= 0x80


@given(st.binary())
def test_data_is_written_as_go_writes_bytes(data: bytes) -> None:
    written = json.loads(encode_envelope(Envelope(type="t", data=data)))
    assert written.get("Data", "") == base64.standard_b64encode(data).decode()
    go = b'{"Type":"t","Data":"%s"}' % base64.standard_b64encode(data)
    assert decode_envelope(go) == Envelope(type="t", data=data)


def test_the_keys_are_gos_and_ours_that_go_ignores() -> None:
    written = json.loads(encode_envelope(FULL))
    assert list(written) == ["Type", "Data", "ID", "Source", "Time", "TraceParent"]
    assert written["Data"] == "eyJDYWxsSUQiOjF9/wA="
    assert codec.decode(encode_envelope(FULL), MessageEnvelope) == MessageEnvelope(
        type=FULL.type, data=FULL.data
    )


def test_what_is_not_known_is_not_written() -> None:
    assert encode_envelope(Envelope(type="t", data=b"{}")) == b'{"Type":"t","Data":"e30="}'


@pytest.mark.parametrize(
    ("written", "envelope"),
    [
        (b'{"Type":"t","Data":"e30="}', Envelope(type="t", data=b"{}")),
        (b'{"Type":"t","Data":null}', Envelope(type="t", data=b"")),
        (b' {"Data": "e3\\r\\n0=", "Type": "t", "New": [1]} ', Envelope(type="t", data=b"{}")),
        (b'{"Type":"t","Data":[123,125]}', Envelope(type="t", data=b"{}")),
        (b'{"Type":null,"Data":"e30=","Time":null}', Envelope(type="", data=b"{}")),
        (
            b'{"Type":"a.B","Data":"e30=","ID":"i","Source":"s","Time":"x","TraceParent":"p"}',
            Envelope(type="a.B", data=b"{}", id="i", source="s", time="x", trace_parent="p"),
        ),
    ],
)
def test_gos_form_is_read(written: bytes, envelope: Envelope) -> None:
    assert decode_envelope(written) == envelope


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"noise",
        b"[]",
        b'"text"',
        b'{"Type":',
        b'{"Type":5,"Data":"e30="}',
        b'{"Type":"t","Data":"e30"}',
        b'{"Type":"t","Data":"e30=\xff"}',
        b"\x80\x81\x82",
        b"\xff" * 100,
        b"\x81\xa4Type",
        b"\x82\xa4Type\x05\xa4Data\xc4\x00",
        b"\x93\x01\x02\x03",
        encode_envelope(FULL, "msgpack")[:-1],
        encode_envelope(FULL, "msgpack") + b"\x00",
        encode_envelope(FULL)[:-1],
        encode_envelope(FULL) + b"x",
        b"\x81\xa1x" + b"\x91" * 100_000,
        b'{"x":' * 100_000,
    ],
)
def test_noise_is_a_decode_error_that_holds_it(noise: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_envelope(noise)
    assert caught.value.payload == noise
    assert caught.value.type == "Envelope"
    assert caught.value.reason


@given(st.binary(max_size=300))
def test_no_noise_raises_anything_else(noise: bytes) -> None:
    error: DecodeError | None = None
    try:
        decode_envelope(noise)
    except DecodeError as refused:
        error = refused
    assert error is None or error.payload == noise


@given(envelopes, st.data())
def test_a_cut_envelope_is_refused(envelope: Envelope, data: st.DataObject) -> None:
    whole = encode_envelope(envelope, data.draw(st.sampled_from(BOTH)))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(DecodeError):
        decode_envelope(cut)


def test_messagepack_holds_the_data_as_it_is() -> None:
    assert FULL.data in encode_envelope(FULL, "msgpack")
    assert msgspec.msgpack.decode(encode_envelope(FULL, "msgpack"))["Type"] == FULL.type


@pytest.mark.parametrize("encoding", BOTH)
@pytest.mark.parametrize("field", ["type", "id", "source", "time", "trace_parent"])
def test_a_lone_surrogate_does_not_leave_in_the_envelope_either(
    encoding: Encoding, field: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_envelope(msgspec.structs.replace(FULL, **{field: "\ud800"}), encoding)
    assert (caught.value.type, caught.value.field) == ("Envelope", field)
