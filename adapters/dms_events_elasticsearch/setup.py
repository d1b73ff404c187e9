"""Install the index templates, and add a release's new fields to existing indices."""

from __future__ import annotations

import fnmatch
import logging
from typing import TYPE_CHECKING, Any

from dms_events.errors import SinkError

from .client import translated
from .templates import TEMPLATE_VERSION, index_templates, installed_version, missing_fields

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

__all__ = ["install"]

_log = logging.getLogger("dms_events")
_TEMPLATES = "index_templates.name,index_templates.index_template._meta"
_MAPPINGS = "*.mappings.properties"


async def install(client: AsyncElasticsearch) -> None:
    """Install the templates that are missing or older than ours.

    A template that is newer, or not ours, stays as it is. So do its indices.

    Raises:
        SinkError: templates or mappings cannot be read or written.
    """
    with translated("reading the index templates"):
        reply = await client.indices.get_index_template(filter_path=_TEMPLATES)
    found = {e["name"]: e["index_template"] for e in reply.body.get("index_templates", ())}
    ours: list[dict[str, Any]] = []
    for name, template in index_templates().items():
        version = installed_version(found[name]) if name in found else 0
        if version is None or version > TEMPLATE_VERSION:
            continue
        ours.append(template)
        if version < TEMPLATE_VERSION:
            with translated(f"installing the index template {name}"):
                await client.indices.put_index_template(name=name, body=template)
    await _extend(client, ours)


async def _extend(client: AsyncElasticsearch, templates: list[dict[str, Any]]) -> None:
    """Add missing fields to the indices of ``templates``: strict indices would refuse documents."""
    with translated("reading the mappings"):
        reply = await client.indices.get_mapping(index="dms-*", filter_path=_MAPPINGS)
    for template in templates:
        wanted = template["template"]["mappings"]["properties"]
        for index in fnmatch.filter(reply.body, *template["index_patterns"]):
            if missing := missing_fields(wanted, reply.body[index]["mappings"]["properties"]):
                await _add(client, index, missing)


async def _add(client: AsyncElasticsearch, index: str, fields: dict[str, Any]) -> None:
    try:
        with translated(f"adding fields to {index}"):
            await client.indices.put_mapping(index=index, properties=fields)
    except SinkError as error:
        if not _is_about_the_index(error):
            raise
        _log.warning("%s. It refuses the documents of this release until that is mended", error)


def _is_about_the_index(error: SinkError) -> bool:
    """True if the index is blocked or mapped otherwise: one month is no reason to store nothing."""
    status = getattr(error.__cause__, "status_code", 0)
    return status == 400 or "cluster_block_exception" in str(error)
