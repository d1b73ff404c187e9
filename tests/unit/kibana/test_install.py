"""Installing into a Kibana, and telling what it has otherwise, against a scripted one."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events_kibana import (
    Difference,
    InstallReport,
    Kibana,
    KibanaError,
    check,
    install,
    objects,
)
from tests.kit.kibana.server import Asked, ScriptedKibana, scripted_kibana

Json = dict[str, Any]
CALLS = ("dashboard", "dms-service-calls")


async def installed(server: ScriptedKibana, **options: Any) -> InstallReport:
    async with Kibana(server.url, **options) as kibana:
        return await install(kibana)


async def checked(server: ScriptedKibana) -> InstallReport:
    async with Kibana(server.url) as kibana:
        return await check(kibana)


def panels_of(one: Json) -> list[Json]:
    found: list[Json] = json.loads(one["attributes"]["panelsJSON"])
    return found


async def test_what_is_installed_is_there_and_as_it_was_sent() -> None:
    async with scripted_kibana() as server:
        report = await installed(server)
        assert report == InstallReport("9.2.0", [], False)
        assert list(server.objects.values()) == objects()
        assert await checked(server) == report
        assert {asked.headers["kbn-xsrf"] for asked in server.asked} == {"dms-events"}


async def test_a_second_install_takes_the_place_of_the_first() -> None:
    async with scripted_kibana() as server:
        await installed(server)
        server.objects[CALLS]["attributes"]["title"] = "mine"
        assert (await installed(server)).differences == []


async def test_a_space_is_part_of_each_path() -> None:
    async with scripted_kibana(space="net-1") as server:
        assert (await installed(server, space="net-1")).differences == []
        assert {asked.path[:9] for asked in server.asked} == {"/s/net-1/"}


async def test_another_prefix_has_objects_and_indices_of_its_own() -> None:
    async with scripted_kibana() as server:
        await installed(server)
        async with Kibana(server.url) as kibana:
            assert (await install(kibana, prefix="net1")).differences == []
            assert (await check(kibana)).differences == []
        titles = {
            one["attributes"]["title"] for key, one in server.objects.items() if "pattern" in key[0]
        }
        assert titles == {"dms-elk_stats.*", "net1-elk_stats.*"}
        assert len(server.objects) == 2 * len(objects())


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, None),
        ({"api_key": "a2V5"}, "ApiKey a2V5"),
        ({"basic_auth": ("elastic", "pässword")}, "Basic ZWxhc3RpYzpww6Rzc3dvcmQ="),
    ],
)
async def test_the_login_is_sent_with_each_request(options: Json, sent: str | None) -> None:
    async with scripted_kibana() as server:
        await installed(server, **options)
        assert {asked.headers.get("authorization") for asked in server.asked} == {sent}


# What somebody changed by hand


def alter(one: Json, edit: Callable[[list[Json]], object]) -> None:
    panels = panels_of(one)
    edit(panels)
    one["attributes"]["panelsJSON"] = json.dumps(panels)


def panel(panels: list[Json], title: str) -> Json:
    return next(panel for panel in panels if panel["title"] == title)


def a_query(panels: list[Json]) -> None:
    state = panel(panels, "Failure rate")["embeddableConfig"]["attributes"]["state"]
    state["query"]["query"] = 'event.outcome: "failure"'


def a_colour(panels: list[Json]) -> None:
    state = panel(panels, "Top hosts")["embeddableConfig"]["attributes"]["state"]
    state["visualization"]["layers"][0]["yConfig"][0]["color"] = "#000000"


def a_place(panels: list[Json]) -> None:
    panel(panels, "Services")["gridData"]["h"] = 4


def a_filter(panels: list[Json]) -> None:
    state = panel(panels, "Services")["embeddableConfig"]["attributes"]["state"]
    state["filters"].append({"meta": {}})


@pytest.mark.parametrize(
    ("edit", "title", "setting", "theirs"),
    [
        (a_query, "Failure rate", "state.query.query", 'event.outcome: "failure"'),
        (a_colour, "Top hosts", "visualization.layers[0].yConfig[0].color", "#000000"),
        (a_place, "Services", "gridData.h", "4"),
        (a_filter, "Services", "state.filters", '[{"meta": {}}]'),
    ],
)
async def test_a_changed_panel_is_named(
    edit: Callable[[list[Json]], object], title: str, setting: str, theirs: str
) -> None:
    async with scripted_kibana() as server:
        await installed(server)
        alter(server.objects[CALLS], edit)
        [found] = (await checked(server)).differences
        assert (found.object, found.panel, found.theirs) == ("DMS · Service calls", title, theirs)
        assert found.setting.endswith(setting)
        assert found.ours != found.theirs


async def test_a_panel_that_was_removed_or_added_is_named() -> None:
    async with scripted_kibana() as server:
        await installed(server)
        one = server.objects[CALLS]
        gone = panel(panels_of(one), "Time taken")["panelIndex"]
        alter(one, lambda panels: panels.remove(panel(panels, "Time taken")))
        one["references"] = [r for r in one["references"] if not r["name"].startswith(gone)]
        mine = {"panelIndex": "mine", "title": "Mine", "type": "lens"}
        alter(server.objects[CALLS], lambda panels: panels.append(mine))
        calls = "DMS · Service calls"
        assert (await checked(server)).differences == [
            Difference(calls, "Time taken", "", "there", "missing"),
            Difference(calls, "Mine", "", "not there", "added"),
        ]


async def test_a_dashboard_that_is_gone_a_renamed_one_and_another_pattern_are_named() -> None:
    async with scripted_kibana() as server:
        await installed(server)
        del server.objects["dashboard", "dms-payments"]
        server.objects[CALLS]["attributes"]["title"] = "Calls"
        server.objects["index-pattern", "dms-events"]["attributes"]["title"] = "logs-*"
        assert (await checked(server)).differences == [
            Difference("DMS events", "", "title", "dms-elk_stats.*", "logs-*"),
            Difference("DMS · Service calls", "", "title", "DMS · Service calls", "Calls"),
            Difference("DMS · Payments", "", "", "there", "missing"),
        ]


async def test_where_nothing_is_installed_all_is_missing() -> None:
    async with scripted_kibana() as server:
        found = (await checked(server)).differences
        assert [one.theirs for one in found] == ["missing"] * len(objects())


async def test_a_lost_reference_is_named_since_its_panel_would_load_for_ever() -> None:
    async with scripted_kibana() as server:
        await installed(server)
        lost = server.objects[CALLS]["references"].pop()
        [found] = (await checked(server)).differences
        assert (found.setting, found.theirs) == (f"references.{lost['name']}", "missing")


async def test_kibanas_own_additions_and_omissions_are_no_change() -> None:
    def saved_by_kibana(panels: list[Json]) -> None:
        for one in panels:
            one["version"] = "9.2.0"
            one["embeddableConfig"] |= {"enhancements": {"dynamicActions": {"events": []}}}
            one["embeddableConfig"]["savedObjectId"] = "new"
            attributes = one["embeddableConfig"].get("attributes", {})
            if attributes.get("description") == "":
                del attributes["description"]

    async with scripted_kibana() as server:
        await installed(server)
        one = server.objects[CALLS]
        alter(one, saved_by_kibana)
        one["attributes"]["version"] = 2
        one["attributes"]["controlGroupInput"]["showApplySelections"] = False
        one["references"].reverse()
        one["updated_at"] = "2026-11-28T05:00:00.000Z"
        assert await checked(server) == InstallReport("9.2.0", [], False)


async def test_objects_in_a_newer_form_are_told() -> None:
    async with scripted_kibana() as server:
        await installed(server)
        server.objects[CALLS]["typeMigrationVersion"] = "10.3.0"
        assert (await checked(server)).converted


# Refusals


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            {"type": "missing_references", "references": [{"type": "x", "id": "gone"}]},
            "it refers to gone, which is not there",
        ),
        ({"type": "conflict"}, "another object has its id"),
        ({"type": "unsupported_type"}, "no objects of the type dashboard"),
        ({"type": "unknown", "message": "[attributes.colour]: not expected"}, "attributes.colour"),
        ({"type": "strange"}, "strange"),
        ("strange", "strange"),
    ],
)
async def test_an_object_that_is_not_imported_is_named_although_the_answer_is_200(
    error: object, told: str
) -> None:
    def script(asked: Asked) -> tuple[int, Json] | None:
        refused = {"type": "dashboard", "id": "dms-devices", "error": error}
        if "_import" in asked.path:
            return 200, {"success": False, "successCount": 4, "errors": [refused]}
        return None

    async with scripted_kibana(script=script) as server:
        with pytest.raises(KibanaError, match="does not import the dashboards: ") as raised:
            await installed(server)
        assert told in str(raised.value)
        assert "dms-devices" in str(raised.value)


@pytest.mark.parametrize("version", ["7.17.9", "8.8.2"])
async def test_a_kibana_that_is_too_old_is_a_config_error_and_nothing_is_sent(version: str) -> None:
    async with scripted_kibana(version=version) as server:
        with pytest.raises(ConfigError, match="the dashboards need 8"):
            await installed(server)
        assert not server.objects


@pytest.mark.parametrize("version", ["8.9.0", "8.19.1", "9.4.0", "", "next"])
async def test_a_newer_kibana_or_one_that_tells_no_version_is_taken(version: str) -> None:
    async with scripted_kibana(version=version) as server:
        assert (await installed(server)).differences == []


async def test_objects_are_compared_and_not_altered() -> None:
    async with scripted_kibana() as server:
        await installed(server)
        before = deepcopy(server.objects)
        await checked(server)
        assert server.objects == before
        assert not any("_import" in asked.path for asked in server.asked[3:])
