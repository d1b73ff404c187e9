"""Which durables get a subject, as the filters of their consumers say."""

from __future__ import annotations

from typing import Any

import pytest

from dms_events_nats.store.durables import _reader

SUBJECT = "dms.events.elk_stats.ServiceCall.node-7"


def filters(*texts: str) -> dict[str, Any]:
    return {"filter_subjects": list(texts)}


@pytest.mark.parametrize(
    ("name", "config", "reader"),
    [
        ("sink", {}, "sink"),
        ("sink", {"filter_subject": "dms.events.>"}, "sink"),
        ("sink", {"filter_subject": ">"}, "sink"),
        ("sink", filters("dms.events.machine.>", "dms.events.elk_stats.ServiceCall.>"), "sink"),
        ("sink", filters("dms.events.elk_stats.ServiceCall.node-7"), "sink"),
        ("sink", filters("dms.events.elk_stats.ServiceCall.node-8"), ""),
        ("sink", filters("dms.events.elk_stats.NtxPayment.>"), ""),
        ("sink", filters("dms.events.elk_stats.ServiceCall.node-7.>"), ""),
        ("sink", filters("other.events.>"), ""),
        ("parts-rest", filters("dms.events.elk_stats.ServiceCall.*"), "parts"),
        ("parts-3", filters("dms.events.elk_stats.ServiceCall.*.3"), "parts"),
        ("parts-3", filters("dms.events.*.*.*.3"), "parts"),
        ("parts-3", filters("dms.events.elk_stats.NtxPayment.*.3"), ""),
        ("till-rest", filters("dms.events.>"), "till-rest"),
    ],
)
def test_a_durable_gets_what_its_filters_take(
    name: str, config: dict[str, Any], reader: str
) -> None:
    assert _reader({"durable_name": name, **config}, SUBJECT) == reader


def test_a_consumer_without_a_durable_name_is_no_reader_to_name() -> None:
    assert _reader(filters("dms.events.>"), SUBJECT) == ""
