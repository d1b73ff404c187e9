"""How ``sink run`` is told the way to an Elasticsearch, and that it tells nobody the secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.command import complaint
from tests.kit.programs.processes import CLI, run
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch
from tests.kit.storing import prepared, tally_in

HTTPS = "https://127.0.0.1:1"
VARIABLE = "DMS_EVENTS_ELASTICSEARCH_"
SECRET = "hush-hush"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("--to", "sqlite:x.db", "--ca-certs", "ca.pem"),
            "--ca-certs: is an option for Elasticsearch, but the URL is of sqlite:",
        ),
        (("--to", HTTPS, "--user", "me"), "--user: user and password are needed together"),
        (
            ("--to", HTTPS, "--client-key", "key.pem"),
            "--client-key: is of no use without client_cert",
        ),
        (
            ("--to", "http://127.0.0.1:1", "--ca-fingerprint", "00"),
            "--ca-fingerprint: is for https://, and the URL is of http://",
        ),
        (
            ("--to", HTTPS, "--ca-fingerprint", "00"),
            "--ca-fingerprint: is no SHA-256: 64 hexadecimal digits, with or without colons",
        ),
        (
            ("--to", HTTPS, "--ca-certs", "/nowhere.pem"),
            "--ca-certs: /nowhere.pem: No such file or directory",
        ),
        (
            ("--to", HTTPS, "--api-key-file", "/nowhere"),
            "connecting: api_key: /nowhere: No such file or directory",
        ),
        (
            ("--to", f"https://me:{SECRET}@127.0.0.1:1,http://127.0.0.1:1"),
            "--to: write http:// for all hosts, or https:// for all",
        ),
        (
            ("--to", "elastic-cloud:deployment:bm90aGluZw=="),
            "--to: write elastic-cloud: and the whole cloud id, as the deployment's page has it",
        ),
    ],
)
async def test_options_that_cannot_work_say_why(words: tuple[str, ...], says: str) -> None:
    assert await complaint("sink", "run", *words) == f"dms-events: {says}"


async def test_an_error_names_the_option_or_the_variable_that_was_given(tmp_path: Path) -> None:
    to = f"sqlite:{tmp_path / 'events.db'}"
    says = await complaint("sink", "run", "--from", "tape:1", "--to", to)
    assert says.startswith("dms-events: --from: 'tape:' is not one of ")
    done = await run(*CLI, "elasticsearch", "setup", env={"DMS_EVENTS_SINK": "sqlite:events.db"})
    assert done.err.startswith("dms-events: DMS_EVENTS_SINK: write http://host:port"), done


async def test_a_secret_is_given_once(tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text(SECRET)
    words = ("sink", "run", "--to", HTTPS, "--api-key-file", file)
    done = await run(*CLI, *words, env={f"{VARIABLE}API_KEY": SECRET})
    twice = f"dms-events: --api-key-file: there is {VARIABLE}API_KEY, too; give one of them\n"
    assert (done.code, done.err) == (1, twice)
    done = await run(*CLI, *words, env={f"{VARIABLE}TOKEN": SECRET})
    ways = "give one of api_key, bearer_auth and basic_auth; a user in the URL is basic_auth"
    assert (done.code, done.err) == (1, f"dms-events: --token-file: {ways}\n")


async def test_variables_for_elasticsearch_do_not_disturb_another_sink(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    env = {f"{VARIABLE}CA_CERTS": "ca.pem", f"{VARIABLE}API_KEY": SECRET}
    words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{tmp_path}/x.db", "--once")
    assert (await run(*CLI, *words, env=env)).code == 0


async def test_sink_run_stores_with_a_key_in_a_file_and_with_a_password_in_a_variable(
    nats_server: NatsServer, secured_elasticsearch: SecuredElasticsearch, tmp_path: Path
) -> None:
    _, key = secured_elasticsearch.api_key()
    (file := tmp_path / "key").write_text(key)
    ca = secured_elasticsearch.ca_certs
    user, password = secured_elasticsearch.login
    ways: dict[str, tuple[tuple[object, ...], Mapping[str, str]]] = {
        "flags": (("--api-key-file", file, "--ca-certs", ca, "--compress", "--batch", 2), {}),
        "variables": (
            (),
            {
                "DMS_EVENTS_SINK": secured_elasticsearch.url,
                f"{VARIABLE}USER": user,
                f"{VARIABLE}PASSWORD": password,
                f"{VARIABLE}CA_FINGERPRINT": secured_elasticsearch.security.authority.fingerprint,
            },
        ),
    }
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(prepared(bus, 7))
    for durable, (words, env) in ways.items():
        to = () if env else ("--to", f"{HTTPS},{secured_elasticsearch.url}")  # the first is away
        common = ("--from", nats_server.url, "--durable", durable, "--once", "--json", *to)
        done = await run(*CLI, "sink", "run", *common, *words, env=env)
        assert (done.code, done.err) == (0, "")
        tally = tally_in(done.out)
        assert tally.stored + tally.duplicates == 7


async def test_setup_logs_in_as_the_sink_does(secured_elasticsearch: SecuredElasticsearch) -> None:
    user, password = secured_elasticsearch.login
    words = ("--to", secured_elasticsearch.url, "--ca-certs", secured_elasticsearch.ca_certs)
    env = {f"{VARIABLE}PASSWORD": password}
    setup = (*CLI, "elasticsearch", "setup", *words)
    assert (await run(*setup, "--user", user, env=env)).code == 0
    assert (await run(*setup, "--user", user, "--check", env=env)).code == 0
    refused = await run(*setup, "--check")
    assert refused.code == 1
    assert "401 security_exception" in refused.err


@pytest.mark.parametrize("name", ["API_KEY", "TOKEN", "PASSWORD"])
async def test_a_refused_secret_is_in_no_output(
    secured_elasticsearch: SecuredElasticsearch, name: str
) -> None:
    env = {f"{VARIABLE}{name}": SECRET, "DMS_EVENTS_DEBUG": "1"}
    if name == "PASSWORD":
        env |= {f"{VARIABLE}USER": "tests"}
    words = ("--to", secured_elasticsearch.url, "--ca-certs", secured_elasticsearch.ca_certs)
    done = await run(*CLI, "--debug", "sink", "run", *words, env=env)
    assert done.code == 1
    assert "401 security_exception" in done.err
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize("command", ["run", "backfill"])
async def test_the_help_shows_each_variable_whole_on_a_narrow_terminal(command: str) -> None:
    shown = (await run(*CLI, "sink", command, "--help", env={"COLUMNS": "80"})).out
    for name in ("API_KEY_FILE", "CA_FINGERPRINT", "MAX_BULK_BYTES", "GIVE_UP_CLOSED"):
        assert f"{VARIABLE}{name}]" in shown
