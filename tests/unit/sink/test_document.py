"""The document of an event is a function of the event alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import registry
from dms_events.sink import Document, dataset_of, document_of, index_of
from dms_events.types._wire import ZERO_TIME
from dms_events.types.deployment import DeploymentRequest
from dms_events.types.elk_stats import (
    DeviceStatusChange,
    NewService,
    ServiceRemove,
    ServiceStatus,
)
from tests.kit.documents.messages import STORED, Message
from tests.kit.documents.strategies import EVENT_TYPES, FLOAT32_MAX, events

DAY = timedelta(days=1)


def removal(*, timestamp: float = 0.0, time_text: str = "", source: str = "") -> Document:
    event = ServiceRemove(service_id="s", timestamp=timestamp)
    return document_of(Message(event, source=source, time_text=time_text))


def dms(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.body)["dms"]
    return found


@given(events, st.text())
def test_the_body_is_json_with_gos_keys_first(event: msgspec.Struct, source: str) -> None:
    name = registry.name_of(type(event))
    body = json.loads(document_of(Message(event, source=source)).body)
    own = [f.encode_name for f in msgspec.structs.fields(type(event))]
    assert list(body) == [*own, "@timestamp", "event", "dms"]
    assert body["event"]["id"] == "its-id"
    assert body["event"]["dataset"] == dataset_of(name)
    assert (body["dms"]["type"], body["dms"]["peer_id"] == source or not source) == (name, True)
    ingested = datetime.fromisoformat(body["event"]["ingested"])
    assert abs(datetime.now(UTC) - ingested) < timedelta(minutes=1)
    assert body["event"]["outcome"] in ("success", "failure", "unknown")
    assert body["dms"]["peer_short"] == body["dms"]["peer_id"][-10:]


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
        found: str = dms(document_of(Message(event, source=source)))["peer_id"]
        return found

    assert peer(device, "sender") == peer(host, "sender") == peer(service, "sender") == "sender"
    assert (peer(device), peer(host)) == ("own", "host")
    assert peer(service) == peer(anonymous) == "unknown"


@pytest.mark.parametrize("timestamp", [STORED - DAY, ZERO_TIME])
def test_a_type_whose_timestamp_is_a_time_has_a_document(timestamp: datetime) -> None:
    document = document_of(Message(DeploymentRequest(timestamp=timestamp)))
    told = timestamp != ZERO_TIME
    assert document.time == (timestamp if told else STORED)
    assert dms(document)["time_from"] == ("event" if told else "stored")


def test_the_stored_time_is_exact_where_it_limits_what_is_absurd() -> None:
    event = ServiceRemove(service_id="s", timestamp=0.0)
    stored_ns = int(STORED.timestamp()) * 10**9 + 1
    sent = (STORED + DAY).isoformat()
    document = document_of(Message(event, time_text=sent, stored_ns=stored_ns))
    assert document.time == STORED + DAY


@pytest.mark.parametrize(
    ("claim", "transport", "claimed"),
    [
        ("liar", "signer", "liar"),
        ("signer", "signer", None),
        ("", "signer", None),
        ("somebody", "", None),
        ("", "", None),
    ],
)
def test_a_claim_of_another_source_than_the_transports_is_kept_beside_it(
    claim: str, transport: str, claimed: str | None
) -> None:
    event = ServiceRemove(service_id="s", timestamp=0.0)
    about = dms(document_of(Message(event, source=claim, transport_source=transport)))
    assert about.get("claimed_source") == claimed


GOSSIP = "dms.gossip.events.elk_stats.ServiceRemove.signer"


@pytest.mark.parametrize(
    ("claim", "verified"), [("signer", True), ("", False), ("liar", False), ("Signer", False)]
)
def test_under_a_trusted_root_the_source_is_the_signer(claim: str, verified: bool) -> None:
    event = ServiceRemove(service_id="s", timestamp=0.0)
    message = Message(event, source=claim, transport_source="signer", subject=GOSSIP)
    about = dms(document_of(message, trust=["dms.gossip"]))
    assert (about["signer"], about["verified"]) == ("signer", verified)


@pytest.mark.parametrize(
    ("transport", "subject", "trust"),
    [
        ("signer", GOSSIP, []),
        ("signer", GOSSIP, ["dms"]),
        ("signer", GOSSIP, ["dms.gos"]),
        ("signer", "dms.events.elk_stats.ServiceRemove.signer", ["dms.gossip"]),
        ("signer", "dms.gossip.requests.elk_stats.ServiceRemove.signer", ["dms.gossip"]),
        ("", "dms.gossip.events.elk_stats.ServiceRemove._", ["dms.gossip"]),
    ],
)
def test_elsewhere_nothing_is_said_of_a_signer(
    transport: str, subject: str, trust: list[str]
) -> None:
    event = ServiceRemove(service_id="s", timestamp=0.0)
    message = Message(event, source="signer", transport_source=transport, subject=subject)
    assert not dms(document_of(message, trust=trust)).keys() & {"signer", "verified"}


def test_the_document_says_whose_word_its_peer_is() -> None:
    device = DeviceStatusChange(peer_id="own", status="on", timestamp=1.0)
    anonymous = msgspec.structs.replace(device, peer_id="")

    def peer(event: msgspec.Struct, **sources: Any) -> tuple[str, str]:
        about = dms(document_of(Message(event, **sources)))
        return about["peer_id"], about["source_from"]

    assert peer(device, source="node", transport_source="node") == ("node", "transport")
    assert peer(device, source="somebody") == ("somebody", "claim")
    assert peer(device) == ("own", "event")
    assert peer(anonymous) == ("unknown", "unknown")


def test_a_call_has_a_call_key() -> None:
    event = ServiceStatus(
        call_id=16_777_217, peer_id_of_service_host="", service_id="", status="", timestamp=1.0
    )
    assert dms(document_of(Message(event)))["call_key"] == "16777216"


def test_what_is_no_call_has_no_call_key() -> None:
    assert "call_key" not in dms(removal())
