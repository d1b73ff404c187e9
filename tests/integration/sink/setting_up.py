"""Setting up Elasticsearch in tests: a server without anything of ours, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from dms_events_elasticsearch import Difference, ElasticsearchSetup, apply_setup, check_setup
from tests.kit.programs.command import dms
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch_upgrade import NAME

__all__ = ["INDEX", "PLAIN", "SETTINGS", "apply", "bare", "check", "command", "template", "told"]

INDEX: Final = f"{NAME}-2026.11"
PLAIN: Final = ElasticsearchSetup()
SETTINGS: Final = "component template dms-settings"


@contextmanager
def bare(url: str) -> Iterator[str]:
    """A server without anything of ours, before and after."""
    _clean(url)
    yield url
    _clean(url)


def _clean(url: str) -> None:
    for index in call(f"{url}/_cat/indices/dms-*?format=json"):
        call(f"{url}/{index['index']}", "DELETE")
    for kind in ("_index_template", "_component_template"):
        listed = call(f"{url}/{kind}")[f"{kind[1:]}s"]
        if any(each["name"].startswith("dms-") for each in listed):
            call(f"{url}/{kind}/dms-*", "DELETE")
    if "dms-retention" in call(f"{url}/_ilm/policy"):
        call(f"{url}/_ilm/policy/dms-retention", "DELETE")


async def check(url: str, declared: ElasticsearchSetup = PLAIN) -> list[Difference]:
    return (await check_setup(url, declared)).differences


async def apply(url: str, declared: ElasticsearchSetup = PLAIN, **how: bool) -> list[Difference]:
    return (await apply_setup(url, declared, **how)).differences


def told(differences: list[Difference]) -> set[tuple[str, str, str, str, str]]:
    return {(d.place, d.setting, d.declared, d.actual, d.state) for d in differences}


async def command(url: str, *words: str) -> tuple[int, str]:
    done = await dms("elasticsearch", "setup", "--to", url, *words)
    return done.code, done.out + done.err


@contextmanager
def template(url: str, name: str, **body: Any) -> Iterator[None]:
    call(f"{url}/_index_template/{name}", "PUT", body)
    try:
        yield
    finally:
        call(f"{url}/_index_template/{name}", "DELETE")
