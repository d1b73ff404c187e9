"""The configuration of logging and telemetry, and how it is read from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, field

from ._enums import OpenIntEnum
from ._wire import GoStruct, Int

__all__ = [
    "CollectorConfig",
    "ObservabilityLevel",
    "TelemetryConfig",
    "load_config_from_env",
    "parse_observability_level",
]


class ObservabilityLevel(OpenIntEnum):
    """The lowest level that is logged."""

    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARN = 4
    ERROR = 5
    FATAL = 6


class CollectorConfig(GoStruct, kw_only=True):
    """The endpoint of one collector. Part of TelemetryConfig."""

    collector_type: Annotated[str, Meta(description="kind of collector: OPENTELEMETRY or LOG")] = (
        field(name="CollectorType", default="")
    )
    collector_endpoint: Annotated[str, Meta(description="endpoint of the collector")] = field(
        name="CollectorEndpoint", default=""
    )


class TelemetryConfig(GoStruct, kw_only=True):
    """The level of logging and its collectors. `load_config_from_env` makes it from the environment."""

    service_name: Annotated[str, Meta(description="name of the service in its logs")] = field(
        name="ServiceName", default=""
    )
    global_endpoint: Annotated[str, Meta(description="for collectors without their own")] = field(
        name="GlobalEndpoint", default=""
    )
    observability_level: Annotated[Int, Meta(description="an ObservabilityLevel")] = field(
        name="ObservabilityLevel", default=0
    )
    collector_configs: Annotated[
        dict[str, CollectorConfig], Meta(description="collectors, by their type")
    ] = field(name="CollectorConfigs", default_factory=dict)


def load_config_from_env(environ: Mapping[str, str] = os.environ) -> TelemetryConfig:
    """Return the configuration that the environment variables of the DMS describe.

    The variables are ``OBSERVABILITY_LEVEL``, ``SERVICE_NAME``, ``COLLECTOR_ENDPOINT``,
    ``COLLECTOR_OPENTELEMETRY_ENDPOINT`` and ``COLLECTOR_LOG_ENDPOINT``. There is a collector for each of
    the last two if it is set and not empty.
    """
    endpoints = {
        kind: environ.get(f"COLLECTOR_{kind}_ENDPOINT", "") for kind in ("OPENTELEMETRY", "LOG")
    }
    return TelemetryConfig(
        service_name=environ.get("SERVICE_NAME", ""),
        global_endpoint=environ.get("COLLECTOR_ENDPOINT", ""),
        observability_level=parse_observability_level(environ.get("OBSERVABILITY_LEVEL", "")),
        collector_configs={
            kind: CollectorConfig(collector_type=kind, collector_endpoint=endpoint)
            for kind, endpoint in endpoints.items()
            if endpoint
        },
    )


def parse_observability_level(name: str) -> ObservabilityLevel:
    """Return the level with exactly this name; INFO for any other name."""
    return ObservabilityLevel.__members__.get(name, ObservabilityLevel.INFO)
