"""Faults of saved objects that a real Kibana was seen to import, made in our own file, and found."""

from __future__ import annotations

import pytest

from dms_events_kibana import dumps, objects
from tests.kit.kibana.breaking import File
from tests.kit.kibana.faults import Faults, assert_found
from tests.kit.kibana.lint import findings

CALLS, SPLIT = "service-calls", "Calls by service"
FAULTS = Faults()
fault = FAULTS.told_by


@pytest.mark.parametrize("prefix", ["dms", "net1"])
def test_our_own_file_has_no_finding(prefix: str) -> None:
    assert findings(dumps(objects(prefix)).decode()) == []
    assert findings(File().text()) == []


# Told by Kibana on import already


@fault("leads to no object of the file")
def a_reference_to_a_missing_object(file: File) -> None:
    file.dashboards[CALLS]["references"][0]["id"] = "gone"


@fault("typeMigrationVersion is not")
def a_newer_type(file: File) -> None:
    file.dashboards[CALLS]["typeMigrationVersion"] = "10.2.0"


@fault("typeMigrationVersion is not")
def no_type_version(file: File) -> None:
    del file.dashboards[CALLS]["typeMigrationVersion"]


@fault("typeMigrationVersion is not")
def a_data_view_without_version(file: File) -> None:
    del file.view["typeMigrationVersion"]


@fault("coreMigrationVersion is not")
def a_newer_core(file: File) -> None:
    file.view["coreMigrationVersion"] = "8.9.0"


@fault("unknown or missing attributes")
def an_unknown_attribute(file: File) -> None:
    file.dashboards[CALLS]["attributes"]["colour"] = "blue"


@fault("panelsJSON is no string of JSON")
def panels_that_are_no_string(file: File) -> None:
    file.dashboards[CALLS]["attributes"]["panelsJSON"] = []


# References


@fault("its own references are")
def a_panel_without_its_reference(file: File) -> None:
    file.panel(CALLS, SPLIT)["embeddableConfig"]["attributes"]["references"].clear()


@fault("its own references are")
def a_reference_of_a_panel_under_another_name(file: File) -> None:
    own = file.panel(CALLS, SPLIT)["embeddableConfig"]["attributes"]["references"]
    own[0]["name"] = "indexpattern-datasource-layer-mian"


@fault("is missing")
def a_dashboard_without_a_panels_reference(file: File) -> None:
    references = file.dashboards[CALLS]["references"]
    del references[-1]


@fault("is left over")
def a_reference_of_a_dashboard_under_another_name(file: File) -> None:
    file.dashboards[CALLS]["references"][-1]["name"] += "x"


@fault("is missing")
def a_dashboard_without_any_reference(file: File) -> None:
    file.dashboards[CALLS]["references"].clear()


@fault("is left over")
def a_reference_of_nothing(file: File) -> None:
    file.panels[CALLS].pop()


@fault("is missing")
def a_control_without_its_reference(file: File) -> None:
    del file.dashboards[CALLS]["references"][0]


@fault("a link leads to dms-overview")
def a_link_that_leads_nowhere(file: File) -> None:
    file.saved.remove(file.dashboards["overview"])


# Where panels stand


@fault("panelIndex is missing")
def a_panel_without_index(file: File) -> None:
    del file.panel(CALLS, SPLIT)["panelIndex"]


@fault("panelIndex is missing or not that of gridData")
def a_grid_of_another_index(file: File) -> None:
    file.panel(CALLS, SPLIT)["gridData"]["i"] = "other"


@fault("gridData is missing")
def a_panel_without_grid(file: File) -> None:
    del file.panel(CALLS, SPLIT)["gridData"]


@fault("2 panels have the panelIndex")
def two_panels_of_one_index(file: File) -> None:
    file.panels[CALLS][3]["panelIndex"] = file.panels[CALLS][4]["panelIndex"]


@fault("overlap")
def panels_that_overlap(file: File) -> None:
    file.panel(CALLS, SPLIT)["gridData"]["x"] -= 1


@fault("wider than the 48 columns")
def a_panel_beyond_the_edge(file: File) -> None:
    file.panel(CALLS, SPLIT)["gridData"]["w"] += 1


@fault("type 'lense' is unknown")
def a_panel_of_unknown_type(file: File) -> None:
    file.panel(CALLS, SPLIT)["type"] = "lense"


@fault("type None is unknown")
def a_panel_without_type(file: File) -> None:
    del file.panel(CALLS, SPLIT)["type"]


@fault("version is not 8.9.0")
def a_panel_of_a_newer_version(file: File) -> None:
    file.panel(CALLS, SPLIT)["version"] = "9.3.0"


@fault("panelsJSON is no string of JSON")
def panels_that_are_no_json(file: File) -> None:
    file.dashboards[CALLS]["attributes"]["panelsJSON"] = "[{]"


@fault("the time range is not stored")
def a_time_range_that_is_not_stored(file: File) -> None:
    file.dashboards[CALLS]["attributes"]["timeFrom"] = ""


# Controls


@fault("type 'list' is unknown")
def a_control_of_unknown_type(file: File) -> None:
    file.controls[CALLS]["peer"]["type"] = "list"


@fault("type None is unknown")
def a_control_without_type(file: File) -> None:
    del file.controls[CALLS]["peer"]["type"]


@fault("'explicitInput' is missing")
def a_control_without_input(file: File) -> None:
    del file.controls[CALLS]["peer"]["explicitInput"]


@fault("controls is no string of JSON")
def controls_that_are_no_json(file: File) -> None:
    file.dashboards[CALLS]["attributes"]["controlGroupInput"]["panelsJSON"] = {}


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("ServiceID", "not every event has ServiceID"),
        ("ServiceDescription", "is not a keyword"),
        ("AmountOfNtx", "is not a keyword"),
        ("Colour", "is not a keyword"),
    ],
)
def test_a_control_is_on_a_keyword_that_every_event_has(field: str, told: str) -> None:
    def breaks(file: File) -> None:
        file.controls[CALLS]["peer"]["explicitInput"]["fieldName"] = field

    assert_found(breaks, told)


# The data view


@fault("fieldFormatMap is no string of JSON")
def formats_that_are_no_string(file: File) -> None:
    file.view["attributes"]["fieldFormatMap"] = {}


@fault("no index has the field 'Tme'")
def a_format_of_no_field(file: File) -> None:
    file.view["attributes"]["fieldFormatMap"] = '{"Tme": {"id": "date"}}'


@fault("unknown attributes ['colour']")
def an_unknown_attribute_of_the_data_view(file: File) -> None:
    file.view["attributes"]["colour"] = "blue"


@pytest.mark.parametrize("field", ["", "time", "CallID", "event.id"])
def test_the_time_field_of_the_data_view_is_a_date(field: str) -> None:
    def breaks(file: File) -> None:
        file.view["attributes"]["timeFieldName"] = field

    assert_found(breaks, "is not a date in every index")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str) -> None:
    FAULTS.look_for(name)


def test_a_file_that_is_no_json_is_found() -> None:
    assert "a line is no JSON" in findings(File().text()[:-3])[0]
