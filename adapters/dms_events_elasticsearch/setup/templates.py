"""The component and index templates, and the policy, as they are declared.

Each type has an index template of its own, for its monthly indices. What all types have in common is in
two component templates: the fields of every document, and the settings. A third one, if it is there, is
the operator's. The mappings are strict: a document with a field that they do not name is refused, so
that no spelling mistake becomes a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dms_events import registry
from dms_events.sink import dataset_of, storable_types

from ..mapping import COMMON, properties_of
from ..names import Names
from .compare import marked
from .foreign import Rival, rivals

__all__ = [
    "PRIORITY",
    "TEMPLATE_VERSION",
    "common_component",
    "fields_of_index",
    "index_template",
    "index_templates",
    "months_of",
    "policy",
    "rivals_of_ours",
    "settings_component",
]

TEMPLATE_VERSION: Final = 5
"""Increased with every change of a template; an older template on the server is replaced."""

PRIORITY: Final = 500
"""Elastic's own templates are at 100 to 200."""

_DEFAULT: Final = Names()


def index_templates(names: Names = _DEFAULT) -> dict[str, dict[str, Any]]:
    """Return the templates of all types that may be stored, by the templates' names."""
    return {
        names.of(dataset_of(type_name)): index_template(type_name, names)
        for type_name in storable_types()
    }


def index_template(type_name: str, names: Names = _DEFAULT) -> dict[str, Any]:
    """Return the composable index template of one type.

    Raises:
        UnknownTypeError: the registry has no such type.
        TypeError: a field has no mapping, for its value belongs in no document (a private key).
    """
    dataset = dataset_of(type_name)
    template = {
        "index_patterns": [names.months(dataset)],
        "priority": PRIORITY,
        "composed_of": [names.common, names.settings, names.custom],
        "ignore_missing_component_templates": [names.custom],
        "template": {
            "mappings": {
                "dynamic": "strict",
                "properties": properties_of(registry.get(type_name)),
            },
            "aliases": {names.of(dataset): {}, names.everything: {}},
        },
    }
    return marked(template, TEMPLATE_VERSION, f"{type_name} of dms-events")


def common_component() -> dict[str, Any]:
    """Return the component template with the fields of every document."""
    template = {"template": {"mappings": {"dynamic": "strict", "properties": COMMON}}}
    return marked(template, TEMPLATE_VERSION, "fields of every document of dms-events")


def settings_component(options: dict[str, Any]) -> dict[str, Any]:
    """Return the component template with the settings of every index.

    Args:
        options: settings as the server writes them: nested, and without the word ``index`` before them.
    """
    template = {"template": {"settings": {"index": options} if options else {}}}
    return marked(template, TEMPLATE_VERSION, "settings of every index of dms-events")


def policy(retention_days: int) -> dict[str, Any]:
    """Return the policy that deletes an index so many days after the end of its month."""
    delete = {"delete": {"delete_searchable_snapshot": True}}
    phases = {"delete": {"min_age": f"{retention_days}d", "actions": delete}}
    return marked({"phases": phases}, TEMPLATE_VERSION, "retention of dms-events")


def fields_of_index(type_name: str) -> dict[str, Any]:
    """Return the mapping of all fields in the indices of a type."""
    return {**properties_of(registry.get(type_name)), **COMMON}


def months_of(type_name: str, names: Names) -> str:
    """Return a pattern of the names of a type's indices, in which ``?`` is any character."""
    return f"{names.of(dataset_of(type_name))}-????.??"


def rivals_of_ours(found: Mapping[str, Mapping[str, Any]], names: Names) -> list[Rival]:
    """Return those of the server's index templates, by name, that take indices of ours."""
    ours = {names.of(dataset_of(type_name)) for type_name in storable_types()}
    others = {name: body for name, body in found.items() if name not in ours}
    patterns = [months_of(type_name, names) for type_name in storable_types()]
    return rivals(others, patterns, PRIORITY)
