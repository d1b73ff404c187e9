"""The functions beside the types."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from dms_events.types import constants
from dms_events.types._wire import ZERO_TIME
from dms_events.types.encryption import Decryptor, EncryptionType, Encryptor
from dms_events.types.execution import (
    ExecutionResult,
    new_execution_result,
    new_failed_execution_result,
)
from dms_events.types.machine import PeerInfo
from dms_events.types.network import Config, NetConfig
from dms_events.types.resource import FreeResources
from dms_events.types.spec_config import SpecConfig, new_spec_config, validate
from dms_events.types.telemetry import (
    CollectorConfig,
    ObservabilityLevel,
    TelemetryConfig,
    load_config_from_env,
    parse_observability_level,
)


def test_an_execution_result_has_the_exit_code_given() -> None:
    assert new_execution_result(3) == ExecutionResult(exit_code=3)


def test_a_failed_execution_result_has_exit_code_minus_one_and_the_error() -> None:
    result = new_failed_execution_result(OSError("no such image"))
    assert result == ExecutionResult(exit_code=-1, error_msg="no such image")


def test_a_new_spec_config_has_a_type_and_no_parameters() -> None:
    assert new_spec_config("docker") == SpecConfig(type="docker", params={})
    assert new_spec_config("a").params is not new_spec_config("a").params


def test_parameters_are_set_in_a_chain() -> None:
    spec = SpecConfig(type="docker")
    assert spec.with_param("image", "x").with_param("image", "y").with_param("n", 1) is spec
    assert spec.params == {"image": "y", "n": 1}


def test_normalizing_trims_the_type_and_nothing_else() -> None:
    spec = SpecConfig(type="\t docker \n", params={" a ": " b "})
    spec.normalize()
    assert spec == SpecConfig(type="docker", params={" a ": " b "})


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_spec_config_without_a_type_is_invalid(blank: str) -> None:
    with pytest.raises(ValueError, match=r"^missing spec type$"):
        SpecConfig(type=blank, params={"a": 1}).validate()
    with pytest.raises(ValueError, match="missing spec type"):
        validate(SpecConfig(type=blank))


def test_a_missing_spec_config_is_invalid() -> None:
    with pytest.raises(ValueError, match="nil spec config"):
        validate(None)


def test_a_spec_config_with_a_type_is_valid() -> None:
    SpecConfig(type=" docker ").validate()
    validate(SpecConfig(type="docker"))


@pytest.mark.parametrize(
    ("type_", "kind", "same"),
    [
        ("docker", " DOCKER\n", True),
        ("Docker", "docker", True),
        ("docker", "firecracker", False),
        (" docker", "docker", False),
        ("straße", "STRASSE", False),
        ("straße", "STRAẞE", True),
        ("\N{KELVIN SIGN}", "k", True),
        ("", "", True),
    ],
)
def test_types_are_compared_as_go_folds_them(type_: str, kind: str, same: bool) -> None:
    assert SpecConfig(type=type_).is_type(kind) is same


@pytest.mark.parametrize(
    ("spec", "empty"),
    [
        (SpecConfig(), True),
        (SpecConfig(type=" "), True),
        (SpecConfig(type="docker"), False),
        (SpecConfig(params={"a": None}), False),
    ],
)
def test_a_spec_config_is_empty_without_type_and_parameters(spec: SpecConfig, empty: bool) -> None:
    assert spec.is_empty() is empty


def test_a_net_config_gives_its_own_spec() -> None:
    config: Config = NetConfig(network_spec=SpecConfig(type="libp2p"))
    assert isinstance(config, Config)
    config.get_network_config().with_param("a", 1)
    assert config.get_network_config().params == {"a": 1}


@pytest.mark.parametrize("record", [PeerInfo(node_id="n"), FreeResources(cpu=1.0)])
def test_a_record_gets_an_id_and_its_times(record: Any) -> None:
    start = datetime.now(UTC)
    record.before_create()
    assert uuid.UUID(record.get_id()).version == 4
    assert start <= record.created_at <= datetime.now(UTC)
    assert (record.updated_at, record.deleted_at) == (ZERO_TIME, None)
    first = record.get_id()
    record.before_update()
    assert record.created_at <= record.updated_at <= datetime.now(UTC)
    record.soft_delete()
    assert record.updated_at <= record.deleted_at <= datetime.now(UTC)
    assert record.get_id() == first
    record.before_create()
    assert record.get_id() != first


def test_telemetry_is_configured_by_the_environment() -> None:
    config = load_config_from_env(
        {
            "OBSERVABILITY_LEVEL": "WARN",
            "SERVICE_NAME": "dms",
            "COLLECTOR_ENDPOINT": "http://all",
            "COLLECTOR_OPENTELEMETRY_ENDPOINT": "http://otel",
            "COLLECTOR_LOG_ENDPOINT": "http://log",
        }
    )
    assert config == TelemetryConfig(
        service_name="dms",
        global_endpoint="http://all",
        observability_level=ObservabilityLevel.WARN,
        collector_configs={
            "OPENTELEMETRY": CollectorConfig(
                collector_type="OPENTELEMETRY", collector_endpoint="http://otel"
            ),
            "LOG": CollectorConfig(collector_type="LOG", collector_endpoint="http://log"),
        },
    )


def test_a_collector_without_an_endpoint_does_not_exist() -> None:
    config = load_config_from_env({"COLLECTOR_LOG_ENDPOINT": ""})
    assert config == TelemetryConfig(observability_level=ObservabilityLevel.INFO)


def test_the_environment_is_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_NAME", "from the process")
    assert load_config_from_env().service_name == "from the process"


@pytest.mark.parametrize("level", list(ObservabilityLevel))
def test_a_level_is_found_by_its_name(level: ObservabilityLevel) -> None:
    assert parse_observability_level(level.name) is level


@pytest.mark.parametrize("name", ["", "debug", " DEBUG", "WARNING", "2"])
def test_any_other_name_is_info(name: str) -> None:
    assert parse_observability_level(name) is ObservabilityLevel.INFO


def test_encryption_is_a_seam() -> None:
    class Reverse:
        def encrypt(self, data: bytes) -> bytes:
            return data[::-1]

        decrypt = encrypt

    assert isinstance(Reverse(), Encryptor)
    assert isinstance(Reverse(), Decryptor)
    assert EncryptionType(0) is EncryptionType.NULL


def test_the_constants_have_gos_values() -> None:
    assert (constants.STORAGE_PROVIDER_S3, constants.STORAGE_PROVIDER_IPFS) == ("s3", "ipfs")
    assert [str(s) for s in constants.JobStatus] == [
        "running",
        "finished without errors",
        "finished with errors",
    ]
    assert [str(t) for t in constants.TransactionType] == [
        "running",
        "done",
        "withdraw",
        "refund",
        "distribute",
    ]
