"""``dms-events kibana``, as a shell runs it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from dms_events_kibana import all_dashboards, dumps, objects
from tests.kit.kibana.lint import findings
from tests.kit.kibana.server import scripted_kibana
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.programs.processes import CLI, run

CALLS = ("dashboard", "dms-service-calls")


async def test_export_writes_the_same_file_each_time(tmp_path: Path) -> None:
    file = tmp_path / "dms-events.ndjson"
    assert await answer("kibana", "export", "--to", file) == f"{file}\n"
    assert file.read_text() == await answer("kibana", "export") == dumps(objects()).decode()
    assert findings(file.read_text()) == []


async def test_export_names_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    assert "--to" in await complaint("kibana", "export", "--to", tmp_path)


async def test_another_prefix_is_in_all_ids() -> None:
    exported = await answer("kibana", "export", "--prefix", "net1")
    assert all(json.loads(line)["id"].startswith("net1-") for line in exported.splitlines())


async def test_a_prefix_that_no_index_can_have_is_refused() -> None:
    assert "prefix" in await complaint("kibana", "export", "--prefix", "a-b")


async def test_install_says_where_to_look_and_check_names_what_was_changed() -> None:
    async with scripted_kibana(space="net") as server:
        words = ("kibana", "install", "--url", server.url, "--space", "net")
        place = f"{server.url}/s/net/app/dashboards#/view/dms-overview"
        assert await answer(*words) == f"Kibana 9.2.0 has the dashboards: {place}\n"
        done = f"Kibana 9.2.0 has the dashboards as they were installed: {place}\n"
        assert await answer(*words, "--check") == done

        panels = json.loads(server.objects[CALLS]["attributes"]["panelsJSON"])
        panels[2]["title"] = "Mine"
        server.objects[CALLS]["attributes"]["panelsJSON"] = json.dumps(panels)
        found = await dms(*words, "--check")
        assert (found.code, found.err) == (1, "")
        header, row = found.out.splitlines()
        assert header.split() == ["dashboard", "panel", "setting", "ours", "there"]
        assert re.split(r" {2,}", row) == [
            *("DMS · Service calls", "Calls ended", "title", "Calls ended", "Mine")
        ]

        assert await answer(*words) == f"Kibana 9.2.0 has the dashboards: {place}\n"


async def test_a_newer_form_is_told_beside_what_differs() -> None:
    async with scripted_kibana() as server:
        await answer("kibana", "install", "--url", server.url)
        server.objects[CALLS]["typeMigrationVersion"] = "10.3.0"
        server.objects[CALLS]["attributes"]["title"] = "Calls"
        found = await dms("kibana", "install", "--url", server.url, "--check")
        assert found.code == 1
        assert "in a newer form: it may have changed them itself" in found.out


async def test_the_login_comes_from_the_environment() -> None:
    async with scripted_kibana() as server:
        env = {"DMS_EVENTS_KIBANA_URL": server.url, "DMS_EVENTS_KIBANA_API_KEY": "a2V5"}
        done = await run(*CLI, "kibana", "install", env=env)
        assert (done.code, done.err) == (0, "")
        assert {asked.headers["authorization"] for asked in server.asked} == {"ApiKey a2V5"}


async def test_a_refused_login_is_one_line_without_the_password() -> None:
    async with scripted_kibana(script=lambda asked: (401, {})) as server:
        words = ("--url", server.url, "--user", "elastic", "--password", "s3cret")
        line = await complaint("kibana", "install", *words)
        assert "refuses the login" in line
        assert "s3cret" not in line


async def test_the_password_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    async with scripted_kibana() as server:
        words = ("kibana", "install", "--url", server.url, "--user", "elastic")
        assert f"{file}: No such file" in await complaint(*words, "--password-file", file)
        file.write_text("s3cret\n")
        twice = await complaint(*words, "--password-file", file, "--password", "other")
        assert twice == "dms-events: --password-file: there is a password, too; give one of them"
        await answer(*words, "--password-file", file)
        login = base64.b64encode(b"elastic:s3cret").decode()
        assert {asked.headers["authorization"] for asked in server.asked} == {f"Basic {login}"}


async def test_queries_prints_a_search_for_each_panel() -> None:
    printed = await answer("kibana", "queries")
    searches = printed.split("POST dms-elk_stats.*/_search\n")[1:]
    bodies = [json.loads(text.partition("\n\n")[0]) for text in searches]
    assert len(bodies) == sum(len(dashboard.panels()) for dashboard in all_dashboards())
    assert all(body["size"] == 0 for body in bodies)
