"""Faults of panels that a real Kibana was seen to import, made in our own file, and found."""

from __future__ import annotations

import pytest

from tests.kit.kibana.breaking import File, columns_of, layers_of, picture_of
from tests.kit.kibana.faults import Faults, assert_found
from tests.kit.kibana.kql import comparisons
from tests.kit.kibana.lint_lens import query_findings
from tests.kit.paths import HOME

CALLS, SPLIT = "service-calls", "Calls by service"
DEVICES, RATE, TABLE = "devices", "Failure rate", "Services"
FAULTS = Faults()
fault = FAULTS.told_by


# State of a panel


@fault("unknown or missing attributes")
def an_unknown_attribute_of_lens(file: File) -> None:
    file.panel(CALLS, SPLIT)["embeddableConfig"]["attributes"]["colour"] = "blue"


@fault("its state lacks ['filters']")
def no_filters(file: File) -> None:
    del file.panel(CALLS, SPLIT)["embeddableConfig"]["attributes"]["state"]["filters"]


@fault("its state lacks ['visualization']")
def no_picture(file: File) -> None:
    del file.panel(CALLS, SPLIT)["embeddableConfig"]["attributes"]["state"]["visualization"]


@fault("visualization type 'lnsCake' is unknown")
def an_unknown_picture(file: File) -> None:
    file.panel(CALLS, SPLIT)["embeddableConfig"]["attributes"]["visualizationType"] = "lnsCake"


@fault("series type 'bars' is unknown")
def an_unknown_series(file: File) -> None:
    picture_of(file.panel(CALLS, SPLIT))["layers"][0]["seriesType"] = "bars"


@fault("has no legend")
def no_legend(file: File) -> None:
    del picture_of(file.panel(CALLS, SPLIT))["legend"]


@fault("takes the column 'ghost'")
def an_unknown_accessor(file: File) -> None:
    picture_of(file.panel(CALLS, SPLIT))["layers"][0]["accessors"] = ["ghost"]


@fault("takes the column 'ghost'")
def an_unknown_x(file: File) -> None:
    picture_of(file.panel(CALLS, SPLIT))["layers"][0]["xAccessor"] = "ghost"


@fault("takes the column 'ghost'")
def an_unknown_column_of_a_table(file: File) -> None:
    picture_of(file.panel(CALLS, TABLE))["columns"][1]["columnId"] = "ghost"


@fault("takes the column 'ghost'")
def an_unknown_slice(file: File) -> None:
    picture_of(file.panel("payments", "NTX by service"))["layers"][0]["metrics"] = ["ghost"]


@fault("takes the column 'ghost'")
def an_unknown_number_of_a_tile(file: File) -> None:
    picture_of(file.panel(CALLS, RATE))["metricAccessor"] = "ghost"


@fault("takes from the layer 'ghost'")
def an_unknown_layer(file: File) -> None:
    picture_of(file.panel(CALLS, SPLIT))["layers"][0]["layerId"] = "ghost"


@fault("takes nothing from the layers ['trend']")
def a_layer_that_nothing_shows(file: File) -> None:
    picture = picture_of(file.panel(CALLS, RATE))
    picture["trendlineLayerId"], picture["trendlineTimeAccessor"] = "main", "value"
    picture["trendlineMetricAccessor"] = "value"


# Columns


@fault("the operation 'summe' is unknown")
def an_unknown_operation(file: File) -> None:
    columns_of(file.panel(CALLS, SPLIT))["calls"]["operationType"] = "summe"


@fault("lacks ['columnOrder']")
def no_order(file: File) -> None:
    del layers_of(file.panel(CALLS, SPLIT))["main"]["columnOrder"]


@fault("lacks ['params']")
def no_params(file: File) -> None:
    del columns_of(file.panel(CALLS, SPLIT))["service"]["params"]


@fault("lacks ['orderBy']")
def no_order_of_the_top(file: File) -> None:
    del columns_of(file.panel(CALLS, SPLIT))["service"]["params"]["orderBy"]


@fault("lacks ['label']")
def no_label(file: File) -> None:
    del columns_of(file.panel(CALLS, SPLIT))["calls"]["label"]


@fault("lacks ['isBucketed']")
def nothing_about_buckets(file: File) -> None:
    del columns_of(file.panel(CALLS, SPLIT))["when"]["isBucketed"]


@fault("isBucketed is wrong")
def a_bucket_that_says_it_is_none(file: File) -> None:
    columns_of(file.panel(CALLS, SPLIT))["when"]["isBucketed"] = False


@fault("lacks ['dataType']")
def no_data_type(file: File) -> None:
    del columns_of(file.panel(CALLS, SPLIT))["when"]["dataType"]


@fault("dataType is not date")
def another_data_type(file: File) -> None:
    columns_of(file.panel(CALLS, SPLIT))["when"]["dataType"] = "number"


@fault("columnOrder is ['service', 'when', 'calls', 'ghost']")
def a_ghost_in_the_order(file: File) -> None:
    layers_of(file.panel(CALLS, SPLIT))["main"]["columnOrder"].append("ghost")


@fault("columnOrder is []")
def an_empty_order(file: File) -> None:
    layers_of(file.panel(CALLS, SPLIT))["main"]["columnOrder"].clear()


@fault("columnOrder is ['service', 'when']")
def a_measure_absent_in_the_order(file: File) -> None:
    layers_of(file.panel(CALLS, SPLIT))["main"]["columnOrder"].remove("calls")


@fault("columnOrder is not: terms, then the date")
def a_measure_first(file: File) -> None:
    layers_of(file.panel(CALLS, SPLIT))["main"]["columnOrder"].reverse()


@fault("columnOrder is not: terms, then the date")
def the_date_before_the_terms(file: File) -> None:
    layers_of(file.panel(CALLS, SPLIT))["main"]["columnOrder"][:2] = ["when", "service"]


@fault("ordered by 'ghost', which is no column")
def terms_ordered_by_an_unknown_column(file: File) -> None:
    columns_of(file.panel(CALLS, SPLIT))["service"]["params"]["orderBy"]["columnId"] = "ghost"


@fault("which Elasticsearch cannot order by")
def terms_ordered_by_a_formula(file: File) -> None:
    columns_of(file.panel(CALLS, TABLE))["service"]["params"]["orderBy"]["columnId"] = "rate"


@fault("two layers share the ids")
def ids_that_two_layers_share(file: File) -> None:
    layers = layers_of(file.panel(CALLS, "Hosts"))
    layers["trend"]["columns"]["value"] = layers["main"]["columns"]["value"]


# Formulas


@fault("refers to ['valueX2'], which are not all columns")
def a_formula_without_its_hidden_columns(file: File) -> None:
    layer = layers_of(file.panel(CALLS, RATE))["main"]
    layer["columns"] = {"value": layer["columns"]["value"]}
    layer["columnOrder"] = ["value"]


@fault("columnOrder is ['value']")
def hidden_columns_that_are_not_in_the_order(file: File) -> None:
    layers_of(file.panel(CALLS, RATE))["main"]["columnOrder"] = ["value"]


@fault("its text is not what its columns compute")
def a_formula_with_another_text(file: File) -> None:
    columns_of(file.panel(CALLS, RATE))["value"]["params"]["formula"] = "count() / count()"


@fault("its formula takes ['valueX0', 'ghost']")
def a_formula_of_an_unknown_column(file: File) -> None:
    ast = columns_of(file.panel(CALLS, RATE))["valueX2"]["params"]["tinymathAst"]
    ast["args"][1] = "ghost"


# Fields


@fault("median does not take ServiceID")
def the_median_of_a_keyword(file: File) -> None:
    column = columns_of(file.panel("payments", "Median payment"))["value"]
    column["sourceField"] = "ServiceID"


@fault("date_histogram does not take TimeTaken")
def dates_of_a_number(file: File) -> None:
    columns_of(file.panel(CALLS, SPLIT))["when"]["sourceField"] = "TimeTaken"


@fault("terms does not take ServiceDescription")
def terms_of_a_text(file: File) -> None:
    columns_of(file.panel(CALLS, SPLIT))["service"]["sourceField"] = "ServiceDescription"


@fault("sum does not take ServiceDescription")
def the_sum_of_a_text(file: File) -> None:
    columns_of(file.panel("payments", "NTX paid"))["value"]["sourceField"] = "ServiceDescription"


@fault("no index has the field 'Servce'")
def a_field_of_no_index(file: File) -> None:
    columns_of(file.panel(CALLS, SPLIT))["service"]["sourceField"] = "Servce"


@fault("lacks ['sortField']")
def a_last_value_without_order(file: File) -> None:
    del columns_of(file.panel(DEVICES, "Fleet"))["status"]["params"]["sortField"]


@fault("sorted by something else than a date")
def a_last_value_by_a_keyword(file: File) -> None:
    columns_of(file.panel(DEVICES, "Fleet"))["status"]["params"]["sortField"] = "Status"


# KQL


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('Status: "offline', "a quote is left open"),
        ("Status: (offline or", "is missing"),
        ("Status offline", "is missing"),
        ("and Status: offline", "stands where a word belongs"),
        ("Status: offline Status: online", "is too much"),
        ('Zustand: "offline"', "no index has the field 'Zustand'"),
        ('event.dataset: "elk_stats.servicecall"', "no event has 'elk_stats.servicecall'"),
        ('event.outcome: "failed"', "no event has 'failed'"),
        ('not Status: ("online" or "asleep")', "no event has 'asleep'"),
    ],
)
def test_kql_is_read_and_its_fields_and_words_are_those_of_events(query: str, told: str) -> None:
    def in_the_panel(file: File) -> None:
        state = file.panel(DEVICES, "Fleet")["embeddableConfig"]["attributes"]["state"]
        state["query"]["query"] = query

    def in_a_column(file: File) -> None:
        columns_of(file.panel(DEVICES, "Fleet"))["offline"]["filter"]["query"] = query

    assert_found(in_the_panel, told)
    assert_found(in_a_column, told)


def test_the_queries_of_the_guide_are_kql_about_fields_and_words_of_events() -> None:
    guide = (HOME / "docs" / "kibana.md").read_text(encoding="utf-8")
    rows = guide.partition("| question | query |")[2].partition("\n\n")[0].splitlines()[2:]
    queries = [row.split("`")[1] for row in rows]
    assert len(queries) == 4
    for query in queries:
        assert comparisons(query)
        assert list(query_findings({"query": query})) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str) -> None:
    FAULTS.look_for(name)
