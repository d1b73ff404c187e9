"""The options about the connection: a command reaches a server whose accounts have permissions."""

from __future__ import annotations

from pathlib import Path
from signal import SIGINT

import dms_events
from dms_events_nats import NatsServer
from tests.integration.cli.test_signals import BILLING
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.programs.processes import CLI, run, running, until
from tests.kit.servers.certificate import self_signed
from tests.kit.servers.decentral import Authority
from tests.kit.storing import call

ACCOUNTS = """
authorization {
  users: [
    { user: admin, password: pw, permissions: {publish: [">"], subscribe: ["_INBOX_admin.>"]} }
    { user: node, password: pw, permissions: {
        publish: ["dms.events.*.*.node", "$JS.API.STREAM.NAMES"], subscribe: ["_INBOX_node.>"] } }
  ]
}
"""
CALL = dms_events.encode(call(1)).decode()


def url_of(server: NatsServer, user: str) -> str:
    return server.url.replace("//", f"//{user}:pw@")


async def test_an_inbox_of_ones_own_is_an_option_of_every_command_with_a_bus(
    tmp_path: Path,
) -> None:
    (tmp_path / "billing.py").write_text(BILLING)
    async with NatsServer(tmp_path / "nats", config=ACCOUNTS) as server:
        admin, node = url_of(server, "admin"), url_of(server, "node")
        own = ("--inbox-prefix", "_INBOX_admin")
        refused = 'Permissions Violation for Subscription to "_INBOX'
        done = await dms("nats", "setup", "--url", admin)
        assert (done.code, done.out) == (1, "")
        assert f"{refused}." in done.err
        await answer("nats", "setup", "--url", admin, *own)
        as_node = ("--source", "node", "--no-make-streams", "--url", node, "--inbox-prefix")
        words = ("publish", "ServiceCall", CALL, *as_node)
        done = await dms(*words, "_INBOX_admin")
        assert (done.code, done.out) == (1, "")
        assert f"{refused}_admin." in done.err
        assert await answer(*words, "_INBOX_node") == "published 1 elk_stats.ServiceCall\n"
        assert '"CallID":1.0' in await answer("tail", "--all", "--count", 1, "--url", admin, *own)
        sink = ("sink", "run", "--to", f"sqlite:{tmp_path / 'x.db'}", "--from", admin, "--once")
        assert await answer(*sink, *own) == "1 stored\n"
        variables = {"DMS_EVENTS_INBOX_PREFIX": "_INBOX_admin", "DMS_EVENTS_URL": admin}
        for command, out in (
            (("dead", "list"), "no dead letters\n"),
            (("dead", "replay", "--all"), "replayed 0 dead letters\n"),
            (("dead", "drop", "--all"), "dropped 0 dead letters\n"),
            (("worker", "billing:worker", "--once"), ""),
        ):
            done = await run(*CLI, *command, env=variables, cwd=tmp_path)
            assert (done.code, done.out) == (0, out), done
        assert "1 handled" in done.err
        reloading = (*CLI, "worker", "billing:worker", "--reload", "--url", admin, *own)
        async with running(*reloading, cwd=tmp_path) as worker:
            await until(lambda: "goes on, 0 waiting" in worker.err, "it reads", by=worker)
            worker.send(SIGINT)
            done = await worker.finish()
        assert done.code == 0, done


async def test_a_credentials_file_is_an_option(tmp_path: Path) -> None:
    authority, file = Authority(), tmp_path / "user.creds"
    file.write_text(authority.credentials())
    async with NatsServer(tmp_path / "nats", config=authority.config) as server:
        words = ("nats", "setup", "--url", server.url)
        assert "Authorization Violation" in await complaint(*words)
        assert "no such file" in (await complaint(*words, "--credentials", "none")).lower()
        await answer(*words, "--credentials", file)
        done = await run(
            *CLI,
            *("publish", "ServiceCall", CALL, "--url", server.url),
            env={"DMS_EVENTS_CREDENTIALS": str(file)},
        )
    assert (done.code, done.out) == (0, "published 1 elk_stats.ServiceCall\n"), done


async def test_certificates_are_options(tmp_path: Path) -> None:
    cert, key = await self_signed(tmp_path)
    files = f'cert_file: "{cert}", key_file: "{key}", ca_file: "{cert}"'
    config = f"tls {{ {files}, verify: true }}"
    async with NatsServer(tmp_path / "nats", config=config) as server:
        words = ("nats", "setup", "--url", server.url)
        assert "(--tls-ca) and the CA that signed it" in await complaint(*words)
        own = ("--tls-cert", cert, "--tls-key", key)
        await answer(*words, "--tls-ca", cert, *own)
        # The server ends the connection at the word that says why, which may overtake it.
        refused = await complaint(*words, "--tls-ca", cert)
        assert any(word in refused for word in ("CERTIFICATE_REQUIRED", "pipe", "reset", "EOF"))
        assert "--tls-ca: none: No such file" in await complaint(*words, "--tls-ca", "none")
        assert f"--tls-cert: {key}: " in await complaint(*words, "--tls-cert", key)
        assert "needs --tls-cert" in await complaint(*words, "--tls-key", key)
    config = f"tls {{ {files}, handshake_first: true }}"
    async with NatsServer(tmp_path / "first", config=config) as server:
        await answer("nats", "setup", "--url", server.url, "--tls-ca", cert, "--tls-first")


async def test_a_server_that_is_away_is_told_at_once_and_a_worker_tries_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "billing.py").write_text(BILLING)
    away = ("--url", "nats://127.0.0.1:1,nats://127.0.0.1:2")
    attempts = []
    for words in (("tail",), ("publish", "ServiceCall", CALL), ("worker", "billing:worker")):
        done = await run(*CLI, "--debug", *words, *away, cwd=tmp_path)
        assert done.code == 1
        assert done.err.splitlines()[-1].startswith(
            "dms_events.errors.ConnectionLostError: no NATS"
        )
        attempts.append(sum("NATS: [Errno" in line for line in done.err.splitlines()))
    assert attempts[:2] == [2, 2], "each server is tried once"
    assert attempts[2] > 2
