"""One outcome for the status words of all types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dms_events import codec, registry
from dms_events.schema.reference import is_a
from dms_events.sink.outcome import outcome_of
from dms_events.types.constants import JobStatus


def event(type_name: str, **fields: Any) -> Any:
    return codec.decode(msgspec.json.encode(fields), registry.get(type_name))


@pytest.mark.parametrize(
    ("type_name", "key"),
    [
        ("elk_stats.ServiceCall", "Status"),
        ("elk_stats.ServiceStatus", "Status"),
        ("elk_stats.DeviceStatusChange", "Status"),
        ("elk_stats.NtxPayment", "SuccessFailStatus"),
        ("machine.Services", "JobStatus"),
        ("deployment.DeploymentRequestFlat", "job_status"),
        ("deployment.BlockchainTxStatus", "transaction_status"),
    ],
)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("success", "success"),
        ("finished without errors", "success"),
        ("completed", "success"),
        ("Success", "success"),
        ("fail", "failure"),
        ("failed", "failure"),
        ("finished with errors", "failure"),
        ("accepted", "unknown"),
        ("started", "unknown"),
        ("running", "unknown"),
        ("online", "unknown"),
        ("", "unknown"),
        ("success" * 1000, "unknown"),
    ],
)
def test_a_status_word_means_the_same_in_every_type(
    type_name: str, key: str, status: str, outcome: str
) -> None:
    assert outcome_of(event(type_name, **{key: status})) == outcome


def test_every_status_of_a_job_has_its_outcome() -> None:
    found = {
        status: outcome_of(event("machine.Services", JobStatus=status)) for status in JobStatus
    }
    assert found == {
        JobStatus.RUNNING: "unknown",
        JobStatus.FINISHED_WITHOUT_ERRORS: "success",
        JobStatus.FINISHED_WITH_ERRORS: "failure",
    }


@pytest.mark.parametrize(
    ("type_name", "key", "value", "outcome"),
    [
        ("deployment.DeploymentResponse", "success", True, "success"),
        ("deployment.DeploymentResponse", "success", False, "failure"),
        ("machine.PingResult", "Success", True, "success"),
        ("execution.ExecutionResult", "exit_code", 0, "success"),
        ("execution.ExecutionResult", "exit_code", -1, "failure"),
        ("execution.ExecutionResult", "exit_code", 137, "failure"),
    ],
)
def test_a_flag_or_an_exit_code_is_an_outcome_too(
    type_name: str, key: str, value: object, outcome: str
) -> None:
    assert outcome_of(event(type_name, **{key: value})) == outcome


@pytest.mark.parametrize(
    "type_name",
    [name for name in registry.matching("*") if is_a(registry.get(name), msgspec.Struct)],
)
def test_every_type_has_an_outcome(type_name: str) -> None:
    assert outcome_of(event(type_name)) in ("success", "failure", "unknown")
