"""The dashboards imported into a Kibana, and compared with what it has then, or later."""

from __future__ import annotations

from typing import Final

import msgspec

from dms_events.errors import ConfigError

from ..ndjson import OLDEST_KIBANA, dumps, objects
from .compare import Difference, converted, differences
from .kibana import Kibana

__all__ = ["InstallReport", "check", "install"]

_OLDEST: Final = tuple(map(int, OLDEST_KIBANA.split(".")[:2]))


class InstallReport(msgspec.Struct, frozen=True):
    """What a Kibana has of the dashboards."""

    version: str
    """Of Kibana; empty if it does not tell."""
    differences: list[Difference]
    converted: bool
    """True if Kibana stores the objects in a newer form: a difference may be of its own making."""


async def install(kibana: Kibana, *, prefix: str = "dms", wait_s: float = 0.0) -> InstallReport:
    """Import the data view and the dashboards, in place of older ones, and read them back.

    Args:
        kibana: an open connection.
        prefix: first part of the names of indices and objects.
        wait_s: how long to wait for a Kibana that is starting.

    Raises:
        ConfigError: Kibana is older than 8.9.
        KibanaError: Kibana cannot be reached or refuses the dashboards, and why.
    """
    version = _checked(await kibana.ready(wait_s))
    await kibana.import_objects(dumps(objects(prefix)))
    return await _compared(kibana, prefix, version)


async def check(kibana: Kibana, *, prefix: str = "dms", wait_s: float = 0.0) -> InstallReport:
    """Compare the dashboards of a Kibana with ours; nothing is written.

    Args:
        kibana: an open connection.
        prefix: first part of the names of indices and objects.
        wait_s: how long to wait for a Kibana that is starting.

    Raises:
        ConfigError: Kibana is older than 8.9.
        KibanaError: Kibana cannot be reached or does not show its objects, and why.
    """
    version = _checked(await kibana.ready(wait_s))
    return await _compared(kibana, prefix, version)


async def _compared(kibana: Kibana, prefix: str, version: str) -> InstallReport:
    ours = objects(prefix)
    theirs = await kibana.saved_objects([(one["type"], one["id"]) for one in ours])
    return InstallReport(version, differences(ours, theirs), converted(ours, theirs))


def _checked(version: str) -> str:
    number = version.split(".")[:2]
    if len(number) == 2 and all(map(str.isdigit, number)) and tuple(map(int, number)) < _OLDEST:
        reason = f"it is Kibana {version}; the dashboards need {OLDEST_KIBANA} or newer"
        raise ConfigError("url", reason)
    return version
