"""The options for reaching an Elasticsearch. Secrets come from files or variables, never from options."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from ..errors import ConfigError
from ..urls import scheme_of
from ._given import Given
from ._schemes import option

__all__ = ["Elasticsearch", "ElasticsearchSink", "ElasticsearchStore", "elasticsearch_options"]

_VARIABLE: Final = "DMS_EVENTS_ELASTICSEARCH_"
_SECRETS: Final = frozenset({"api_key_file", "token_file", "user", "password_file"})
_SCHEMES: Final = frozenset({"http", "https", "elastic-cloud"})


def _option(flag: str, text: str, **more: Any) -> Any:
    words = flag.removeprefix("--")
    env = f"ELASTICSEARCH_{words.replace('-', '_').upper()}"
    return option("Elasticsearch", flag, text, env=env, **more)


_file: Final = partial(_option, metavar="FILE")


class Elasticsearch(msgspec.Struct, frozen=True):
    """The options of ``http://``, ``https://`` and ``elastic-cloud:``."""

    api_key_file: Annotated[
        Path | None,
        _file("--api-key-file", f"File with an API key. Or set {_VARIABLE}API_KEY to the key."),
    ] = None
    token_file: Annotated[
        Path | None,
        _file("--token-file", f"File with a bearer token. Or set {_VARIABLE}TOKEN to the token."),
    ] = None
    user: Annotated[str | None, _option("--user", "User with a password.", metavar="NAME")] = None
    password_file: Annotated[
        Path | None,
        _file("--password-file", f"File with the password. Or set {_VARIABLE}PASSWORD to it."),
    ] = None
    ca_certs: Annotated[
        Path | None, _file("--ca-certs", "CA certificates to trust, in place of the system's.")
    ] = None
    ca_fingerprint: Annotated[
        str | None,
        _option(
            "--ca-fingerprint",
            "SHA-256 of the certificate to trust: the server's, or its CA's.",
            metavar="HEX",
        ),
    ] = None
    client_cert: Annotated[
        Path | None, _file("--client-cert", "Certificate to show the server.")
    ] = None
    client_key: Annotated[Path | None, _file("--client-key", "Key of that certificate.")] = None
    timeout_s: Annotated[
        float, _option("--timeout", "Longest time for one request.", metavar="SECONDS")
    ] = 30.0

    def adapter_options(self) -> dict[str, Any]:
        """Return the options in the form that the adapter takes, with the secrets.

        Raises:
            ConfigError: a secret is given twice, or a password without a user.
        """
        password = _secret("--password-file", self.password_file, "PASSWORD")
        if (self.user is None) != (password is None):
            raise ConfigError("--user", "user and password are needed together")
        secrets = {
            "api_key": _secret("--api-key-file", self.api_key_file, "API_KEY"),
            "bearer_auth": _secret("--token-file", self.token_file, "TOKEN"),
            "basic_auth": None if password is None else (self.user, password),
        }
        others = set(self.__struct_fields__) - _SECRETS
        found = secrets | {name: getattr(self, name) for name in others}
        return {name: value for name, value in found.items() if value is not None}


class ElasticsearchStore(Elasticsearch, frozen=True):
    """The same, and the names of the indices."""

    prefix: Annotated[
        str, option("Elasticsearch", "--prefix", "First part of the names of the indices.")
    ] = "dms"


class ElasticsearchSink(ElasticsearchStore, frozen=True):
    """The same, and the options for writing."""

    max_bulk_bytes: Annotated[
        int, _option("--max-bulk-bytes", "Most bytes in one request.", metavar="BYTES")
    ] = 5_000_000
    compress: Annotated[bool, _option("--compress", "Send requests as gzip.")] = False
    give_up_closed: Annotated[
        bool,
        _option(
            "--give-up-closed",
            "Give up events of a closed index, instead of keeping them until it is opened.",
        ),
    ] = False

    def adapter_options(self) -> dict[str, Any]:
        """Return the options in the form that the adapter takes, with the secrets.

        Raises:
            ConfigError: as that of `Elasticsearch`.
        """
        found = Elasticsearch.adapter_options(self)
        found["wait_for_closed"] = not found.pop("give_up_closed")
        return found


def elasticsearch_options(
    given: Given, url: str, group: type[Elasticsearch] = Elasticsearch
) -> dict[str, Any]:
    """Return the options of the adapter for a URL; empty if it is not of an Elasticsearch.

    Raises:
        ConfigError: an option does not fit the URL or another option.
    """
    if (scheme := scheme_of(url)) in _SCHEMES:
        return given.of(group).adapter_options()
    if flag := given.flag_of(group):
        raise ConfigError(flag, f"is an option for Elasticsearch, but the URL is of {scheme}:")
    return {}


def _secret(flag: str, file: Path | None, name: str) -> str | Path | None:
    value = os.environ.get(_VARIABLE + name)
    if file is not None and value:
        raise ConfigError(flag, f"there is {_VARIABLE}{name}, too; give one of them")
    return file or value or None
