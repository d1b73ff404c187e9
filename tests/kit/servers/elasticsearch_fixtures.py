"""Fixtures for tests that need an Elasticsearch; import them into a ``conftest.py``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dms_events_elasticsearch.setup.compare import compared
from dms_events_elasticsearch.setup.templates import index_templates

from .elasticsearch import ElasticsearchServer, call
from .elasticsearch_download import ES8
from .elasticsearch_security import Security

__all__ = [
    "SecuredElasticsearch",
    "elasticsearch_8_url",
    "elasticsearch_url",
    "emptied",
    "empty_elasticsearch_url",
    "secured_elasticsearch",
]


@dataclass(frozen=True)
class SecuredElasticsearch:
    """A running server with TLS and passwords."""

    url: str
    security: Security

    @property
    def ca_certs(self) -> str:
        """The file of the CA."""
        return str(self.security.authority.certificate)

    @property
    def login(self) -> tuple[str, str]:
        """User and password of an account that may do everything."""
        return self.security.user, self.security.password

    def call(self, path: str, method: str = "GET", body: object = None) -> Any:
        """One request by that account; raises `urllib.error.HTTPError` for an error answer."""
        return self.security.call(f"{self.url}{path}", method, body)

    def api_key(self, **role: Any) -> tuple[str, str]:
        """Make an API key that may do what ``role`` says, or everything; returns its id and the key."""
        roles = {"role": role} if role else {}
        made = self.call("/_security/api_key", "POST", {"name": "key", "role_descriptors": roles})
        return made["id"], made["encoded"]

    def token(self) -> str:
        """Make a token of that account."""
        user, password = self.login
        asked = {"grant_type": "password", "username": user, "password": password}
        return str(self.call("/_security/oauth2/token", "POST", asked)["access_token"])

    def revoke(self, key_id: str) -> None:
        """Have the server refuse an API key from now on."""
        self.call("/_security/api_key", "DELETE", {"ids": [key_id]})


@pytest.fixture(scope="session")
def elasticsearch_8_url() -> Iterator[str]:
    """A running server of release 8. It does not answer ``GET /``; see `fronted`."""
    server = ElasticsearchServer(release=ES8)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def secured_elasticsearch(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SecuredElasticsearch]:
    """A running server with TLS and passwords, beside the one without."""
    security = Security(tmp_path_factory.mktemp("security"))
    server = ElasticsearchServer(security=security)
    try:
        server.start()
        yield SecuredElasticsearch(server.url, security)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """A running server; ``DMS_EVENTS_TEST_ELASTICSEARCH_URL`` names one to use instead."""
    if url := os.environ.get("DMS_EVENTS_TEST_ELASTICSEARCH_URL"):
        yield url.rstrip("/")
        return
    server = ElasticsearchServer(policies=True)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def empty_elasticsearch_url(elasticsearch_url: str) -> str:
    """The running server after every index and template of the name ``dms-*`` was deleted.

    The index templates stay if they are exactly those that a sink installs.
    """
    return emptied(elasticsearch_url)


def emptied(url: str) -> str:
    """Delete every index and template of the name ``dms-*``, as above; returns the URL."""
    found = call(f"{url}/_cat/indices/dms-*?format=json&expand_wildcards=all")
    if found:
        names = ",".join(index["index"] for index in found)
        call(f"{url}/{names}", "DELETE")
    templates = {
        each["name"]: each["index_template"]
        for each in call(f"{url}/_index_template")["index_templates"]
        if each["name"].startswith("dms-")
    }
    if templates and not _are_ours(templates):
        call(f"{url}/_index_template/{','.join(templates)}", "DELETE")
        call(f"{url}/_component_template/dms-*", "DELETE")
    return url


def _are_ours(templates: dict[str, Any]) -> bool:
    wanted = index_templates()
    return wanted.keys() == templates.keys() and not any(
        compared(name, body, templates[name]) for name, body in wanted.items()
    )
