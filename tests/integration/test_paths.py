"""A path may be given as text."""

from __future__ import annotations

from pathlib import Path

import dms_events
from dms_events.report import make_report, write_report
from dms_events_nats import NatsServer, NatsSetup
from dms_events_sqlite import SqliteSink
from tests.kit.servers.decentral import Authority
from tests.kit.storing import call


async def test_server_credentials_declaration_and_report_take_a_path_as_text(
    tmp_path: Path,
) -> None:
    authority, credentials = Authority(), tmp_path / "user.creds"
    credentials.write_text(authority.credentials())
    async with (
        NatsServer(str(tmp_path / "nats"), config=authority.config) as server,
        dms_events.connect(server.url, credentials=str(credentials)) as bus,
    ):
        assert await bus.publish(call(1))
    declaration = tmp_path / "dms.toml"
    declaration.write_text('root = "north"')
    assert NatsSetup.load(str(declaration)).root == "north"
    database, page = str(tmp_path / "events.db"), str(tmp_path / "events.html")
    async with SqliteSink(f"sqlite:{database}"):
        pass
    write_report(database, page)
    assert make_report(database)
