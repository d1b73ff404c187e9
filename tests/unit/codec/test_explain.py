"""How a document is read is told as it was observed, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from dms_events import UnknownTypeError
from dms_events.codec.explain import Explanation, explain
from dms_events.codec.explain.explain import Note
from dms_events.types.deployment import DeploymentRequest
from dms_events.types.elk_stats import DeviceResourceChange, NtxPayment, ServiceRemove
from dms_events.types.machine import IP, Gpu, Libp2pInfo, Machines, PeerData, PingResult
from dms_events.types.network import NetConfig
from dms_events.types.network_config import MessageEnvelope
from dms_events.types.onboarding import LogBinAuth
from dms_events.types.resource import ExecutionResources, GPUList
from dms_events.types.spec_config import SpecConfig
from dms_events.types.types import BaseDBModel

CANONICAL = b'{"ServiceID":"a","Timestamp":1.5}'


def told(text: str | bytes, type_: Any = ServiceRemove) -> Explanation:
    return explain(text.encode() if isinstance(text, str) else text, type_)


def rules(text: str | bytes, type_: Any = ServiceRemove) -> list[tuple[str, str, str]]:
    """The rules, but for what is only missing."""
    notes = told(text, type_).rules
    return [(n.rule, n.where, n.effect) for n in notes if n.rule != "missing key"]


def test_a_canonical_document_takes_the_fast_path_and_needs_no_rule() -> None:
    explanation = told(CANONICAL)
    assert explanation == Explanation(
        type="elk_stats.ServiceRemove",
        size=len(CANONICAL),
        fast_path_says="",
        rules=(),
        value=ServiceRemove(service_id="a", timestamp=1.5),
        error=None,
        strict_error=None,
        go_value=ServiceRemove(service_id="a", timestamp=1.5),
        go_error="",
        differences=(),
    )


def test_a_document_of_another_form_says_why_it_took_the_slow_path() -> None:
    explanation = told('{"serviceid":"a","Timestamp":1.5,"other":[1]}')
    assert "unknown field `serviceid`" in explanation.fast_path_says
    assert explanation.rules == (
        Note("key in another case", "serviceid", "read as ServiceID"),
        Note("unknown key", "other", "left out"),
    )
    assert str(explanation.strict_error) == "elk_stats.ServiceRemove: serviceid: unknown key"
    assert explanation.value == explanation.go_value == ServiceRemove(service_id="a", timestamp=1.5)


def test_what_is_missing_is_told_with_its_place() -> None:
    text = '{"peerid":"p","ChangedAttributeAndValue":{"CPU":1,"ram":2}}'
    missing = [n for n in told(text, DeviceResourceChange).rules if n.rule == "missing key"]
    assert [(n.where, n.effect) for n in missing] == [
        ("Timestamp", "left at zero"),
        ("ChangedAttributeAndValue.Network", "left at zero"),
        ("ChangedAttributeAndValue.DedicatedTime", "left at zero"),
    ]


def test_a_default_that_strict_refuses_to_miss_is_told_on_the_fast_path_too() -> None:
    explanation = told('{"name":"T4"}', Gpu)
    assert explanation.fast_path_says == ""
    assert [n.where for n in explanation.rules] == ["tot_vram", "free_vram"]
    assert explanation.strict_error


def test_what_go_itself_leaves_out_is_not_missing() -> None:
    explanation = told("{}", ExecutionResources)
    assert explanation.rules == ()
    assert explanation.strict_error is None


@pytest.mark.parametrize(
    ("text", "type_", "told_of"),
    [
        ('{"ServiceID":null}', ServiceRemove, ("ServiceID", "left at zero")),
        ('{"ServiceID":"a","ServiceID":null}', ServiceRemove, ("ServiceID", "left as it was")),
        ("null", ServiceRemove, ("", "left at zero")),
        ('{"network_spec":null}', NetConfig, ("network_spec", "left at zero")),
        ('{"gpu_info":null}', PeerData, ("gpu_info", "read as empty")),
        ('{"gpu_info":[null]}', PeerData, ("gpu_info[0]", "left at zero")),
        ('{"params":null}', SpecConfig, ("params", "read as empty")),
        ('{"Data":null}', MessageEnvelope, ("Data", "read as empty")),
        ('{"Data":[1,null]}', MessageEnvelope, ("Data[1]", "left at zero")),
        ('{"Data":"AQI=","Data":[3,null]}', MessageEnvelope, ("Data[1]", "left as it was")),
        ('{"k":null}', Machines, ("k", "left at zero")),
        ('{"k":{"peer_id":null}}', Machines, ("k.peer_id", "left at zero")),
    ],
)
def test_null_is_told_with_its_effect(text: str, type_: Any, told_of: tuple[str, str]) -> None:
    assert ("null", *told_of) in rules(text, type_)


def test_null_where_go_writes_it_is_no_rule() -> None:
    assert rules('{"DeletedAt":null}', BaseDBModel) == []
    assert rules('{"RTT":1,"Success":true,"Error":null}', PingResult) == []
    assert rules('{"type":"","params":{"a":null}}', SpecConfig) == []
    text = '{"DeletedAt":"2025-01-15T01:10:16Z","DeletedAt":null}'
    assert ("null", "DeletedAt", "nothing is left of the one before") in rules(text, BaseDBModel)


@pytest.mark.parametrize(
    ("text", "type_", "repeated"),
    [
        (
            '{"ServiceID":"a","serviceid":"b"}',
            ServiceRemove,
            [("ServiceID", "the last one counts")],
        ),
        (
            '{"params":{"image_id":"a"},"Params":{"image_id":"b"}}',
            DeploymentRequest,
            [
                ("params", "read over the one before"),
                ("params.image_id", "the last one counts"),
            ],
        ),
        (
            '{"type":"","params":{"a":1},"params":{"a":2,"b":{"c":1,"c":2}}}',
            SpecConfig,
            [
                ("params", "added to the one before"),
                ("params.a", "the last one counts"),
                ("params.b.c", "the last one counts"),
            ],
        ),
        (
            '{"params":{"packages":["a"],"packages":["b","c"]}}',
            DeploymentRequest,
            [("params.packages", "read over the items of the one before")],
        ),
        ('[{"model":"a","MODEL":"b"}]', GPUList, [("[0].model", "the last one counts")]),
        ('{"k":{"peer_id":"a"},"k":{}}', Machines, [("k", "the last one counts")]),
    ],
)
def test_a_key_that_comes_again_is_told_with_its_effect(
    text: str, type_: Any, repeated: list[tuple[str, str]]
) -> None:
    found = [(where, effect) for rule, where, effect in rules(text, type_) if "repeated" in rule]
    assert found == repeated


def test_what_is_replaced_as_a_whole_is_told_no_more() -> None:
    text = '{"k":{"has_gpu":null,"peer_id":"a"},"k":{"has_gpu":true}}'
    missing = [n.where for n in told(text, Machines).rules if n.rule == "missing key"]
    assert "k.peer_id" in missing
    assert "k.has_gpu" not in missing
    assert told('{"Timestamp":16777217,"Timestamp":1,"ServiceID":""}').differences == ()


OTHERS = [
    (MessageEnvelope, '{"Data":[1,2,3]}', "number array for []byte", "Data", "read as 3 bytes"),
    (MessageEnvelope, '{"Data":"AQ\\r\\nID"}', "line end in base64", "Data", "skipped"),
    (
        ServiceRemove,
        '{"Timestamp":1e-400}',
        "number too small for a float",
        "Timestamp",
        "read as 0",
    ),
    (NtxPayment, '{"AmountOfNtx":-0}', "-0 for an integer", "AmountOfNtx", "read as 0"),
    (IP, "[[9007199254740993]]", "number in an any", "[0][0]", "read as 9007199254740992.0"),
    (
        BaseDBModel,
        '{"CreatedAt":"2025-01-15T1:10:16,5Z"}',
        "time in a form that only Go takes",
        "CreatedAt",
        "read as 2025-01-15T01:10:16.500000+00:00",
    ),
    (
        ServiceRemove,
        '{"\u017fERVICEID":""}',
        "key in another case",
        "\u017fERVICEID",
        "read as ServiceID",
    ),
    (ServiceRemove, b'{"x":"\xff\xfe"}', "invalid UTF-8", "byte 6", "read as U+FFFD, with 1 more"),
    (ServiceRemove, '{"x":"\\ud800"}', "lone surrogate", "character 6", "read as U+FFFD"),
]


@pytest.mark.parametrize(("type_", "text", "rule", "where", "effect"), OTHERS)
def test_other_rules_are_told_where_they_are_applied(
    type_: Any, text: str | bytes, rule: str, where: str, effect: str
) -> None:
    assert rules(text, type_)[0] == (rule, where, effect)


def test_a_whole_surrogate_pair_and_a_zero_are_no_rule() -> None:
    assert rules('{"ServiceID":"\\ud83d\\ude00","Timestamp":-0.0e7}') == []
    assert rules('{"type":"","params":{"a":9007199254740992,"b":1.5}}', SpecConfig) == []


def test_a_long_strange_key_is_cut_and_two_of_them_are_not_one() -> None:
    long = "x" * 200
    assert rules(f'{{"{long}":1}}') == [("unknown key", "x" * 100, "left out")]
    found = rules(f'{{"{long}1":null,"{long}2":null}}', Machines)
    assert [rule for rule, _, _ in found] == ["null"]
    assert len(told(f'{{"{long}1":{{}},"{long}2":{{}}}}', Machines).value) == 2


def test_a_refused_document_says_where_and_what_was_done_before() -> None:
    explanation = told('{"serviceid":"a","TIMESTAMP":"1"}')
    assert explanation.value is None
    assert explanation.go_value is None
    assert str(explanation.error) == str(explanation.strict_error)
    assert explanation.go_error == "Timestamp: expected float32, got string"
    assert [n.rule for n in explanation.rules] == ["key in another case"] * 2
    assert told("{").go_error


def test_it_raises_for_a_type_that_is_none_of_ours() -> None:
    with pytest.raises(UnknownTypeError):
        explain(b"{}", int)


def test_an_explanation_shows_no_secret() -> None:
    text = '{"Token":"SECRET","token":"SECRET","TOKEN":null,"x":{"SECRET2":1}}'
    explanation = told(text, LogBinAuth)
    assert explanation.value.token == "SECRET"
    assert "'***'" in repr(explanation)
    assert "SECRET" not in repr(explanation)
    key = '{"private_key":[83,69,67],"private_key":[null,null,1]}'
    assert not any("83" in note.effect for note in told(key, Libp2pInfo).rules)
