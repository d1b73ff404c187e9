"""The scripts and commands of `compose.secure.yaml`, run with its certificates and logins."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from signal import SIGTERM
from typing import Any
from urllib.error import HTTPError

import pytest

from dms_events_nats import NatsServer
from tests.kit.compose import Json, project
from tests.kit.kibana.server import scripted_kibana
from tests.kit.libp2p.go_peers import free_port
from tests.kit.paths import HOME
from tests.kit.programs.processes import CLI, Finished, run, running
from tests.kit.servers.elasticsearch import ElasticsearchServer, once_made
from tests.kit.servers.elasticsearch_security import Security

from .test_stack import at_other_addresses, healthy

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("secured_elasticsearch")]

MAY_READ = {"own": 0, "nats": 0, "elasticsearch": 1000, "kibana": 1000}
"""The user of each service that is not ours."""
OURS = 10001


def services() -> dict[str, Json]:
    """Of both files together."""
    found: dict[str, Json] = project("compose.yaml", "compose.secure.yaml")["services"]
    return found


def make_secrets(folder: Path, *words: str) -> str:
    """Run the script of the service, as root with the service's capabilities only."""
    script = ["/bin/sh", str(HOME / "docker" / "secrets.sh"), *words]
    if os.geteuid() == 0:
        kept = ",".join(f"+{name.lower()}" for name in services()["secrets"]["cap_add"])
        script = ["setpriv", "--bounding-set", f"-all,{kept}", *script]
    else:  # it may give nobody a file
        (folder / "chown").write_text("#!/bin/sh\n")
        (folder / "chown").chmod(0o755)
    env = {
        "SECRETS": str(folder),
        "NAMES": "a.example,10.0.0.7",
        "PATH": f"{folder}:{os.environ['PATH']}",
    }
    done = subprocess.run(script, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The volumes after the first start."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, which makes the certificates")
    folder = tmp_path_factory.mktemp("secrets")
    for mount in services()["secrets"]["volumes"]:
        if mount["type"] == "volume":
            (folder / Path(mount["target"]).name).mkdir()
    make_secrets(folder)
    return folder


class StackSecurity(Security):
    """The settings of the stack's Elasticsearch, beside the account of the tests."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        super().__init__(folder)
        self._files = secrets / "elasticsearch"
        context = ssl.create_default_context(cafile=self._files / "ca.pem")
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        self._open = urllib.request.build_opener(*handlers).open

    def settings(self) -> list[str]:
        settings = services()["elasticsearch"]["environment"].items()
        return [
            f"{name}: {value}" for name, value in settings if re.match(r"(xpack|tran)\S+\.", name)
        ]

    def write(self, config: Path) -> None:
        super().write(config)
        shutil.copytree(self._files, config / "secrets", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def elasticsearch(
    secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, StackSecurity]]:
    """The stack's Elasticsearch, with the password of `elastic` that the image sets."""
    security = StackSecurity(tmp_path_factory.mktemp("security"), secrets)
    server = ElasticsearchServer(security=security, policies=True)
    try:
        server.start()
        password = (secrets / "elasticsearch" / "elastic").read_text().strip()
        asked = {"password": password}
        security.call(f"{server.url}/_security/user/elastic/_password", "POST", asked)
        yield server.url, security
    finally:
        server.stop()


def test_each_service_has_its_secrets_and_nobody_else_may_read_them(secrets: Path) -> None:
    files = [path for path in secrets.glob("*/*") if path.is_file()]
    assert {path.parent.name for path in files} >= {"own", "nats", "kibana", "sink", "setup"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o400}
    if os.geteuid() == 0:
        owners = {path: path.stat().st_uid for path in files}
        assert owners == {path: MAY_READ.get(path.parent.name, OURS) for path in files}
    for name, service in services().items():
        volumes = {mount["source"] for mount in service.get("volumes", [])}
        seen = {volume for volume in volumes if volume.startswith("secrets-")}
        assert name == "secrets" or seen == {f"secrets-{name}"}


def test_a_certificate_has_the_names_under_which_others_reach_the_host(secrets: Path) -> None:
    for service in ("nats", "elasticsearch", "kibana"):
        shown = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in"]
        file = str(secrets / service / "cert.pem")
        done = subprocess.run([*shown, file], capture_output=True, text=True, check=True)
        names = done.stdout.splitlines()[1].split(", ")
        assert [name.strip() for name in names] == [
            f"DNS:{service}",
            "DNS:localhost",
            "IP Address:127.0.0.1",
            "DNS:a.example",
            "IP Address:10.0.0.7",
        ]


def test_a_second_start_keeps_every_key_and_password(secrets: Path) -> None:
    def contents() -> dict[Path, str]:
        return {path: path.read_text() for path in secrets.glob("*/*") if path.is_file()}

    before = contents()
    make_secrets(secrets)
    changed = {path for path, content in contents().items() if before[path] != content}
    assert {path.name for path in changed} == {"cert.pem", "nats.pem"}, "signed anew"


def test_no_secret_is_in_the_model_that_docker_shows(secrets: Path) -> None:
    shown = str(services())
    kept = [path.read_text().strip() for path in (secrets / "own").glob("*.password")]
    assert len(kept) == 9
    assert not any(secret in shown for secret in kept)
    for name, service in services().items():
        for variable in service.get("environment") or {}:
            assert not re.search(r"PASSWORD$|KEY$|TOKEN$|SECRET", variable) or (
                variable == "SERVER_SSL_KEY"
            ), (name, variable)


def test_a_nats_server_accepts_the_configuration(secrets: Path, tmp_path: Path) -> None:
    config = (HOME / "docker" / "nats.secure.conf").read_text()
    file = tmp_path / "nats.conf"
    file.write_text(config.replace("/secrets", str(secrets / "nats")))
    server = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert server
    done = subprocess.run([server, "-t", "-c", str(file)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_the_services_store_an_event_with_logins_over_tls(
    secrets: Path, elasticsearch: tuple[str, StackSecurity], tmp_path: Path
) -> None:
    url, security = elasticsearch
    env = {"ELASTICSEARCH_URL": url, "SECRETS": str(secrets / "accounts")}
    made = await run(sys.executable, HOME / "docker" / "accounts.py", env=env)
    assert made.code == 0, made.err
    assert (await elasticsearch_is_healthy(url, secrets)).code == 0

    config = (
        (HOME / "docker" / "nats.secure.conf")
        .read_text()
        .replace("/secrets", str(secrets / "nats"))
    )
    blocks = "".join(re.findall(r"^(?:tls|authorization) \{.*?^\}\n", config, re.M | re.S))
    kibana_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    kibana_tls.load_cert_chain(secrets / "kibana" / "cert.pem", secrets / "kibana" / "key.pem")
    port = free_port()
    async with (
        scripted_kibana(tls=kibana_tls) as kibana,
        NatsServer(tmp_path / "nats", config=blocks) as nats,
    ):
        places = {
            "https://elasticsearch:9200": url,
            "https://kibana:5601": kibana.url,
            "nats://nats:4222": nats.url,
            "0.0.0.0:9464": f"127.0.0.1:{port}",
        }

        def command(name: str) -> list[str]:
            there = places | {"/secrets/": f"{secrets / name}/"}
            return at_other_addresses(services()[name]["command"], there)

        for name in ("setup", "dashboards"):
            done = await run(*CLI, *command(name))
            assert done.code == 0, done
        assert ("dashboard", "dms-overview") in kibana.objects
        async with running(*CLI, *command("sink")) as sink:
            async with asyncio.timeout(30):
                while (await healthy(services()["sink"], port)).code:
                    assert not sink.ended, sink.err
            published = await publish_as_the_page_says(secrets, nats.url, tmp_path)
            assert published.code == 0, published.err
            async with asyncio.timeout(30):
                while not stored(security, url):  # noqa: ASYNC110 - only the server knows
                    await asyncio.sleep(0.1)
            sink.send(SIGTERM)
            assert (await sink.finish()).code == 0
    [hit] = stored(security, url)
    assert hit["_source"]["dms"]["peer_id"] == "node-1"

    assert stored(as_account(secrets, security, "viewer"), url) == [hit]
    for account in ("dms-sink", "dms-dashboards"):
        with pytest.raises(HTTPError, match="403"):
            stored(as_account(secrets, security, account), url)
    kibana_system = as_account(secrets, security, "kibana_system")
    assert kibana_system.call(f"{url}/_security/_authenticate")["roles"] == ["kibana_system"]
    assert kibana_system.password in (secrets / "kibana" / "kibana.yml").read_text()


async def elasticsearch_is_healthy(url: str, secrets: Path) -> Finished:
    kind, script = services()["elasticsearch"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    here = script.replace("https://127.0.0.1:9200", url).replace(
        "config/secrets", str(secrets / "elasticsearch")
    )
    return await run("/bin/sh", "-c", here)


async def publish_as_the_page_says(secrets: Path, url: str, folder: Path) -> Finished:
    """Make a publisher's file as the service does, and publish with the command of the page."""
    (folder / "node-1.pem").write_text(make_secrets(secrets, "node-1"))
    page = (HOME / "docs" / "docker.md").read_text()
    [line] = re.findall(r"^\$ dms-events (publish (?:.*\\\n)*.*)$", page, re.MULTILINE)
    words = shlex.split(line.replace("\\\n", ""))
    return await run(*CLI, *words, "--url", url, cwd=folder)


def stored(security: StackSecurity, url: str) -> list[Any]:
    """The documents; none while their index is being made."""
    path = f"{url}/dms-all/_search?ignore_unavailable=true"
    hits: list[Any] = once_made(lambda: security.call(path)["hits"]["hits"], [])
    return hits


def as_account(secrets: Path, security: StackSecurity, account: str) -> StackSecurity:
    """The same server, with another account."""
    other = copy(security)
    other.user = account
    other.password = (secrets / "accounts" / account).read_text().strip()
    return other
