"""The document of an event is a function of the event alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events.sink import Document, dataset_of, document_of, index_of
from dms_events.types.elk_stats import (
    DeviceStatusChange,
    NewService,
    ServiceRemove,
    ServiceStatus,
)
from tests.kit.documents.strategies import EVENT_TYPES, FLOAT32_MAX, events

STORED = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Known:
    """What a document is made of."""

    event: msgspec.Struct
    type_name: str
    id: str = "its-id"
    source: str = ""
    transport_source: str = ""
    time_text: str = ""
    stored_ns: int = int(STORED.timestamp()) * 1_000_000_000


def removal(*, timestamp: float = 0.0, time_text: str = "", source: str = "") -> Document:
    event = ServiceRemove(service_id="s", timestamp=timestamp)
    return document_of(Known(event, "elk_stats.ServiceRemove", source=source, time_text=time_text))


def dms(document: Document) -> dict[str, str]:
    found: dict[str, str] = json.loads(document.body)["dms"]
    return found


@given(events, st.text())
def test_the_body_is_json_with_gos_keys_first(event: msgspec.Struct, source: str) -> None:
    name = f"elk_stats.{type(event).__name__}"
    body = json.loads(document_of(Known(event, name, source=source)).body)
    own = [f.encode_name for f in msgspec.structs.fields(type(event))]
    assert list(body) == [*own, "@timestamp", "event", "dms"]
    assert body["event"]["id"] == "its-id"
    assert body["event"]["dataset"] == dataset_of(name)
    assert (body["dms"]["type"], body["dms"]["peer_id"] == source or not source) == (name, True)
    ingested = datetime.fromisoformat(body["event"]["ingested"])
    assert abs(datetime.now(UTC) - ingested) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("type_name", "dataset"),
    [
        ("elk_stats.ServiceCall", "elk_stats.service_call"),
        ("elk_stats.NewDeviceOnboarded", "elk_stats.new_device_onboarded"),
        ("elk_stats.NtxPayment", "elk_stats.ntx_payment"),
        ("machine.KadDHTMachineUpdate", "machine.kad_dht_machine_update"),
        ("resource.CPUInfo", "resource.cpu_info"),
        ("firecracker.MMDSMsg", "firecracker.mmds_msg"),
        ("resource.GPU", "resource.gpu"),
        ("machine.resources", "machine.resources"),
    ],
)
def test_the_dataset_is_the_type_in_snake_case(type_name: str, dataset: str) -> None:
    assert dataset_of(type_name) == dataset


@pytest.mark.parametrize(
    ("time_text", "month"),
    [
        ("2026-11-20T00:00:00Z", "2026.11"),
        ("2026-01-01T00:00:00.000000001Z", "2026.01"),
        ("2026-11-01T01:00:00+02:00", "2026.10"),
        ("2026-10-31T23:00:00-02:00", "2026.11"),
        ("2020-01-01T00:00:00Z", "2020.01"),
    ],
)
def test_the_index_is_the_month_in_utc(time_text: str, month: str) -> None:
    document = removal(time_text=time_text)
    assert document.index == f"dms-elk_stats.service_remove-{month}"
    assert index_of("elk_stats.service_remove", document.time) == document.index
    assert datetime.fromisoformat(json.loads(document.body)["@timestamp"]) == document.time


def test_every_type_has_an_index_of_its_own() -> None:
    indices = {index_of(dataset_of(f"elk_stats.{t.__name__}"), STORED) for t in EVENT_TYPES}
    assert len(indices) == 9
    assert all(index == index.lower() for index in indices)


def test_the_time_is_the_envelopes_else_the_events_else_the_streams() -> None:
    own = STORED - DAY
    sent = STORED - 2 * DAY
    both = removal(timestamp=own.timestamp(), time_text=sent.isoformat())
    assert (both.time, dms(both)["time_from"]) == (sent, "envelope")
    event = removal(timestamp=own.timestamp())
    assert (event.time, dms(event)["time_from"]) == (own, "event")
    neither = removal()
    assert (neither.time, dms(neither)["time_from"]) == (STORED, "stored")


@pytest.mark.parametrize(
    "time_text",
    [
        "2019-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        (STORED + DAY + timedelta(microseconds=1)).isoformat(),
        "3000-01-01T00:00:00Z",
        "yesterday",
        "2026-11-20T00:00:00",
    ],
)
def test_an_absurd_time_gives_way_to_the_stored_one_and_says_so(time_text: str) -> None:
    document = removal(time_text=time_text)
    assert document.time == STORED
    assert document.index.endswith("-2026.11")
    assert "absurd" in dms(document)["time_from"]


@pytest.mark.parametrize("timestamp", [1.0, -1.0, 1e12, FLOAT32_MAX, -FLOAT32_MAX, 1_577_836_799.0])
def test_an_absurd_timestamp_gives_way_too(timestamp: float) -> None:
    document = removal(timestamp=timestamp)
    assert document.time == STORED
    assert "absurd" in dms(document)["time_from"]


def test_a_day_ahead_is_not_absurd_yet() -> None:
    assert removal(time_text=(STORED + DAY).isoformat()).time == STORED + DAY


def test_the_peer_is_the_source_else_the_events_own_else_unknown() -> None:
    device = DeviceStatusChange(peer_id="own", status="on", timestamp=1.0)
    host = ServiceStatus(
        call_id=1.0, peer_id_of_service_host="host", service_id="s", status="x", timestamp=1.0
    )
    service = NewService(service_id="s", service_name="n", service_description="", timestamp=1.0)
    anonymous = msgspec.structs.replace(device, peer_id="")

    def peer(event: msgspec.Struct, source: str = "") -> str:
        name = f"elk_stats.{type(event).__name__}"
        return dms(document_of(Known(event, name, source=source)))["peer_id"]

    assert peer(device, "sender") == peer(host, "sender") == peer(service, "sender") == "sender"
    assert (peer(device), peer(host)) == ("own", "host")
    assert peer(service) == peer(anonymous) == "unknown"


def test_the_document_says_whose_word_its_peer_is() -> None:
    device = DeviceStatusChange(peer_id="own", status="on", timestamp=1.0)
    anonymous = msgspec.structs.replace(device, peer_id="")

    def peer(event: msgspec.Struct, **sources: Any) -> tuple[str, str]:
        about = dms(document_of(Known(event, "elk_stats.DeviceStatusChange", **sources)))
        return about["peer_id"], about["source_from"]

    assert peer(device, source="node", transport_source="node") == ("node", "transport")
    assert peer(device, source="somebody") == ("somebody", "claim")
    assert peer(device) == ("own", "event")
    assert peer(anonymous) == ("unknown", "unknown")


def test_a_call_has_a_call_key() -> None:
    event = ServiceStatus(
        call_id=16_777_217, peer_id_of_service_host="", service_id="", status="", timestamp=1.0
    )
    assert dms(document_of(Known(event, "elk_stats.ServiceStatus")))["call_key"] == "16777216"


def test_what_is_no_call_has_no_call_key() -> None:
    assert "call_key" not in dms(removal())
