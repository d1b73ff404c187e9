"""What leaves is what Go can read."""

from __future__ import annotations

import enum
import json
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import EncodeError, codec
from dms_events.codec.check import check_for
from dms_events.types.elk_stats import (
    DeviceResourceChange,
    NtxPayment,
    ResourceValues,
    ServiceRemove,
    ServiceStatus,
)
from dms_events.types.network_config import MessageEnvelope
from tests.kit.documents.strategies import FLOAT32_MAX, events

VALUES = ResourceValues(cpu=1.0, ram=2.0, network=3.0, dedicated_time=4.0)


def status(**changes: Any) -> ServiceStatus:
    given = {
        "call_id": 1.0,
        "peer_id_of_service_host": "host",
        "service_id": "service",
        "status": "ok",
        "timestamp": 2.0,
    }
    return ServiceStatus(**{**given, **changes})


def payment(amount: Any) -> NtxPayment:
    return NtxPayment(
        call_id=1.0,
        service_id="service",
        amount_of_ntx=amount,
        peer_id="peer",
        success_fail_status="success",
        timestamp=2.0,
    )


def refusal(event: msgspec.Struct) -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        codec.encode(event)
    return caught.value


@given(events)
def test_every_event_comes_back_as_it_was_on_the_fast_path(event: msgspec.Struct) -> None:
    before = codec.slow_path_count()
    assert codec.decode(codec.encode(event), type(event)) == event
    assert codec.slow_path_count() == before


@given(events)
def test_what_is_written_is_plain_json_with_every_key_once(event: msgspec.Struct) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def never(constant: str) -> None:
        raise AssertionError(constant)

    written = json.loads(codec.encode(event), object_pairs_hook=once, parse_constant=never)
    assert list(written) == [f.encode_name for f in msgspec.structs.fields(type(event))]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_do_not_leave(number: float) -> None:
    error = refusal(status(timestamp=number))
    assert (error.type, error.field) == ("elk_stats.ServiceStatus", "timestamp")
    assert "NaN" in error.reason or "float32" in error.reason


def test_a_wrong_number_is_found_in_every_float_field_also_nested() -> None:
    for field in ("cpu", "ram", "network", "dedicated_time"):
        values = msgspec.structs.replace(VALUES, **{field: math.nan})
        event = DeviceResourceChange(peer_id="p", changed_attribute_and_value=values, timestamp=1.0)
        error = refusal(event)
        assert error.type == "elk_stats.DeviceResourceChange"
        assert error.field == f"changed_attribute_and_value.{field}"


@pytest.mark.parametrize("sign", [1, -1])
def test_float32_ends_where_go_would_round_to_infinity(sign: int) -> None:
    limit = 2.0**128 - 2.0**103
    largest = math.nextafter(limit, 0)
    for number in (FLOAT32_MAX, largest):
        written = codec.encode(status(call_id=sign * number))
        assert codec.decode(written, ServiceStatus).call_id == sign * number
    for number in (limit, 3.5e38, 1e300, 10**39, 10**400, 10**5000):
        error = refusal(status(call_id=sign * number))
        assert (error.field, "float32" in error.reason) == ("call_id", True)


def test_large_numbers_in_several_fields_are_right_together() -> None:
    values = ResourceValues(
        cpu=FLOAT32_MAX, ram=-FLOAT32_MAX, network=FLOAT32_MAX, dedicated_time=FLOAT32_MAX
    )
    event = DeviceResourceChange(peer_id="p", changed_attribute_and_value=values, timestamp=1.0)
    assert codec.decode(codec.encode(event), DeviceResourceChange) == event


@pytest.mark.parametrize(
    "amount",
    [2**31, -(2**31) - 1, 2**64, -(10**30), 10**5000],
    ids=lambda n: f"{n.bit_length()} bits",
)
def test_an_integer_beyond_int32_does_not_leave(amount: int) -> None:
    error = refusal(payment(amount))
    assert (error.type, error.field) == ("elk_stats.NtxPayment", "amount_of_ntx")
    assert "range" in error.reason


@pytest.mark.parametrize("amount", [2**31 - 1, -(2**31), 0])
def test_the_ends_of_int32_leave(amount: int) -> None:
    assert codec.decode(codec.encode(payment(amount)), NtxPayment).amount_of_ntx == amount


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (payment(True), "amount_of_ntx"),
        (payment(1.0), "amount_of_ntx"),
        (payment("1"), "amount_of_ntx"),
        (payment(None), "amount_of_ntx"),
        (status(timestamp="2.0"), "timestamp"),
        (status(timestamp=True), "timestamp"),
        (status(timestamp=None), "timestamp"),
        (status(status=None), "status"),
        (status(status=5), "status"),
        (status(status=b"ok"), "status"),
        (MessageEnvelope(type="t", data="text"), "data"),  # type: ignore[arg-type]
        (MessageEnvelope(type="t", data=None), "data"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_another_type_does_not_leave(event: msgspec.Struct, field: str) -> None:
    error = refusal(event)
    assert error.field == field
    assert "expected" in error.reason


def test_a_struct_field_holds_its_struct() -> None:
    for wrong in (None, {"cpu": 1.0}, status()):
        event = DeviceResourceChange(
            peer_id="p",
            changed_attribute_and_value=wrong,  # type: ignore[arg-type]
            timestamp=1.0,
        )
        assert refusal(event).field == "changed_attribute_and_value"


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_a_lone_surrogate_does_not_leave(text: str) -> None:
    error = refusal(status(status=text))
    assert (error.type, error.field) == ("elk_stats.ServiceStatus", "status")
    assert "surrogate" in error.reason


@given(st.integers(-(10**38), 10**38))
def test_an_integer_in_a_float_field_is_fine(number: int) -> None:
    written = codec.encode(status(call_id=number))
    assert json.loads(written)["CallID"] == number
    assert struct.pack("<f", codec.decode(written, ServiceStatus).call_id) == struct.pack(
        "<f", float(number)
    )


class Text(str):
    __slots__ = ()


class Real(float):
    pass


class Whole(int):
    pass


class Choice(enum.StrEnum):
    ON = "on"


class Level(enum.IntEnum):
    HIGH = 3


def test_subclasses_of_the_plain_types_are_written_as_these() -> None:
    event = status(call_id=Whole(7), service_id=Text("s"), status=Choice.ON, timestamp=Real(1.5))
    assert codec.decode(codec.encode(event), ServiceStatus) == status(
        call_id=7.0, service_id="s", status="on", timestamp=1.5
    )
    assert codec.encode(payment(Level.HIGH)) == codec.encode(payment(3))


def test_a_refusal_does_not_spoil_what_comes_after() -> None:
    refusal(status(status="\ud800"))
    assert codec.decode(codec.encode(status()), ServiceStatus) == status()
    assert codec.encode(ServiceRemove(service_id="a", timestamp=1.0)).startswith(b"{")


def test_whole_numbers_in_float_fields_pass_the_quick_check() -> None:
    check = check_for(ServiceStatus)
    assert check(status(call_id=1, timestamp=1_795_460_123))
    for wrong in (True, 10**400, "1"):
        assert not check(status(call_id=wrong))
