"""Apply a declared setup to a server, or check a server for drift from it."""

from __future__ import annotations

from typing import Any

import msgspec

from dms_events.errors import ConfigError

from .client import Connection, Denied
from .setup import Cluster, Difference, ElasticsearchSetup, Reconciliation, ShardCount

__all__ = ["SetupReport", "apply_setup", "check_setup"]


class SetupReport(msgspec.Struct, frozen=True):
    """What was found on a server."""

    differences: list[Difference]
    shards: ShardCount | None
    """None if the server does not tell, as Serverless."""


async def check_setup(url: str, setup: ElasticsearchSetup, **connection: Any) -> SetupReport:
    """Compare a server with the declaration. Nothing is changed.

    Args:
        url: as for `ElasticsearchSink`.
        setup: the declaration. A setting that it leaves out is not compared.
        connection: options of `ElasticsearchSink` about the connection: ``api_key``, ``ca_certs``, ….

    Raises:
        ConfigError: an option is wrong, the account may not do this, or the server cannot have a declared
            setting.
        SinkError: the server does not answer, or something cannot be read.
        ExtraNotInstalledError: the Elasticsearch client is not installed.
    """
    return await _reconciled(url, setup, connection, apply=False, overwrite=False)


async def apply_setup(
    url: str, setup: ElasticsearchSetup, *, overwrite: bool = False, **connection: Any
) -> SetupReport:
    """Make what is missing, and update what still is as it was last set here.

    A template or policy that somebody else changed is left as it is, unless ``overwrite``; one that
    somebody else made always is. Indices that exist get missing fields and aliases, and the settings that
    can be changed. The report has ``applied`` for each difference that is gone now.

    Raises:
        ConfigError: as `check_setup`.
        SinkError: as `check_setup`, or a template or the policy cannot be written. Changes made before
            that stay; apply the setup again.
        ExtraNotInstalledError: as `check_setup`.
    """
    return await _reconciled(url, setup, connection, apply=True, overwrite=overwrite)


async def _reconciled(
    url: str,
    setup: ElasticsearchSetup,
    connection: dict[str, Any],
    *,
    apply: bool,
    overwrite: bool,
) -> SetupReport:
    way = Connection(url, **connection)
    try:
        server = await way.open()
        cluster = Cluster(way.client, serverless=server.serverless)
        reconciliation = Reconciliation(cluster, setup, apply=apply, overwrite=overwrite)
        return SetupReport(await reconciliation.run(), await reconciliation.shards())
    except Denied as denied:
        raise ConfigError("url", str(denied)) from denied
    finally:
        await way.close()
