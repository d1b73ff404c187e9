"""Install the templates that writing needs, and add a release's new fields to existing indices."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dms_events.errors import ConfigError, SinkError

from ..client import Denied
from ..names import Names
from .cluster import Cluster
from .compare import our_version
from .indices import missing_fields, types_of_indices
from .templates import (
    PRIORITY,
    TEMPLATE_VERSION,
    common_component,
    fields_of_index,
    index_templates,
    rivals_of_ours,
    settings_component,
)

__all__ = ["install"]

_log = logging.getLogger("dms_events")
_Body = Mapping[str, Any]


async def install(cluster: Cluster, names: Names) -> None:
    """Install the templates that are missing or older than ours.

    A template of the same name that is newer, or not ours, stays as it is. So do its indices.

    Raises:
        ConfigError: a template of somebody else takes our indices, or the account may not do this.
        SinkError: templates or mappings cannot be read or written.
    """
    try:
        found = await cluster.templates()
        wanted = index_templates(names)
        _refuse_rivals(found, names)
        versions = {name: _version(found.get(name)) for name in wanted}
        older = [name for name, version in versions.items() if version < TEMPLATE_VERSION]
        if older:
            await _install_components(cluster, names)
            await cluster.put_templates({name: wanted[name] for name in older})
        ours = {name for name, version in versions.items() if version <= TEMPLATE_VERSION}
        await _extend(cluster, names, ours)
    except Denied as denied:
        raise ConfigError("account", f"{denied}. {_NOT_ALLOWED}") from denied


_NOT_ALLOWED = (
    "An account with few privileges can write after another one has run "
    "`dms-events elasticsearch setup`, and again after each upgrade; docs/elasticsearch.md lists the "
    "privileges of both"
)
_STRANGE = 1 << 60
"""The version of a template that is not ours: newer than any."""


def _version(template: _Body | None) -> int:
    """Return the version of an installed template; 0 if it is missing."""
    if template is None:
        return 0
    version = our_version(template)
    return _STRANGE if version is None else version


def _refuse_rivals(templates: Mapping[str, _Body], names: Names) -> None:
    if found := rivals_of_ours(templates, names):
        said = "; ".join(map(str, found))
        raise ConfigError(
            "index templates",
            f"{said}: lower its priority below {PRIORITY}, narrow its pattern, or use another prefix",
        )


async def _install_components(cluster: Cluster, names: Names) -> None:
    """Install the component templates, which the server wants before those that are made of them."""
    found = await cluster.components()
    if _version(found.get(names.common)) < TEMPLATE_VERSION:
        await cluster.put_component(names.common, common_component())
    if names.settings not in found:
        await cluster.put_component(names.settings, settings_component({}))


async def _extend(cluster: Cluster, names: Names, templates: set[str]) -> None:
    """Add missing fields to the indices of ``templates``: strict indices would refuse documents."""
    indices = await cluster.indices(names)
    for index, type_name in types_of_indices(names, indices):
        if index.rpartition("-")[0] not in templates:
            continue
        wanted = fields_of_index(type_name)
        if missing := missing_fields(wanted, indices[index].properties):
            await _add(cluster, index, missing)


async def _add(cluster: Cluster, index: str, fields: _Body) -> None:
    try:
        await cluster.add_fields(index, fields)
    except SinkError as error:
        if not _is_about_the_index(error):
            raise
        _log.warning("%s. It refuses the documents of this release until that is mended", error)


def _is_about_the_index(error: SinkError) -> bool:
    """True if the index is blocked or mapped otherwise: one month is no reason to store nothing."""
    status = getattr(error.__cause__, "status_code", 0)
    return status == 400 or "cluster_block_exception" in str(error)
