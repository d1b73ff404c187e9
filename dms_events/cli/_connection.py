"""The options about the connection, which all commands with a bus share."""

from __future__ import annotations

import functools
import inspect
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_origin, get_type_hints

import msgspec
import typer

from ..bus import Bus
from ..errors import ConfigError
from ..urls import connect

__all__ = ["MAKE_STREAMS", "Connection", "connects", "option"]

F = TypeVar("F", bound=Callable[..., Any])

_PANEL: Final = "Connection"


def option(name: str, text: str, *, env: str = "", metavar: str | None = None) -> Any:
    """An option of the panel about the connection; its variable is ``DMS_EVENTS_<ENV>``."""
    variable = f"DMS_EVENTS_{env}" if env else None
    return typer.Option(name, envvar=variable, help=text, rich_help_panel=_PANEL, metavar=metavar)


class Connection(msgspec.Struct, frozen=True):
    """Where the bus of a command is, and as whom it is reached."""

    url: Annotated[str, option("--url", "Where the bus is.", env="URL")] = "nats://127.0.0.1:4222"
    root: Annotated[str, option("--root", "First part of all subjects.", env="ROOT")] = "dms"
    credentials: Annotated[
        Path | None, option("--credentials", "A NATS .creds file.", env="CREDENTIALS")
    ] = None
    inbox_prefix: Annotated[
        str | None,
        option(
            "--inbox-prefix",
            "Where the server's answers go, as the account's permissions have it.  "
            "[default: _INBOX]",
            env="INBOX_PREFIX",
        ),
    ] = None
    tls_ca: Annotated[
        Path | None, option("--tls-ca", "Certificates of the CA to trust.", env="TLS_CA")
    ] = None
    tls_cert: Annotated[
        Path | None, option("--tls-cert", "The client's own certificate.", env="TLS_CERT")
    ] = None
    tls_key: Annotated[
        Path | None, option("--tls-key", "The key of that certificate.", env="TLS_KEY")
    ] = None
    tls_first: Annotated[
        bool, option("--tls-first", "Begin with TLS, before a word is said.", env="TLS_FIRST")
    ] = False
    make_streams: bool = False

    def bus(self, *, source: str = "", wait: bool = False) -> Bus:
        """A bus to open.

        Args:
            source: peer id of whoever publishes.
            wait: a server that does not listen may be starting, and is tried again for a while.
        """
        options = self.options(wait=wait)
        if self.url.lower().startswith("nats:"):
            options["make_streams"] = self.make_streams
        return connect(self.url, source=source, root=self.root, **options)

    def options(self, *, wait: bool = False) -> dict[str, Any]:
        """What the adapter takes about the connection, without the URL.

        Raises:
            ConfigError: a file of TLS cannot be read.
        """
        found: dict[str, Any] = {
            "credentials": self.credentials,
            "inbox_prefix": self.inbox_prefix,
            "tls": self._tls(),
            "tls_handshake_first": self.tls_first or None,
        }
        if self.url.lower().startswith("nats:"):
            found["retry_on_failed_connect"] = wait
        return {name: value for name, value in found.items() if value is not None}

    def environment(self) -> dict[str, str]:
        """The variables with which another command connects alike."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            f"DMS_EVENTS_{name.upper()}": str(value)
            for name, value in given.items()
            if value is not None
        }

    def _tls(self) -> ssl.SSLContext | None:
        if self.tls_cert is None and self.tls_key is not None:
            raise ConfigError("--tls-key", "is of no use without --tls-cert")
        if self.tls_ca is None and self.tls_cert is None:
            return None
        named, file = "--tls-ca", self.tls_ca
        try:
            context = ssl.create_default_context(cafile=file)
            if self.tls_cert is not None:
                named, file = "--tls-cert", self.tls_cert
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except OSError as error:  # an ssl.SSLError is one
            raise ConfigError(named, f"{file}: {error.strerror or error}") from error
        return context


MAKE_STREAMS: Final = (
    Annotated[
        bool,
        option(
            "--make-streams/--no-make-streams",
            "Make missing streams. Without, the account needs no permission for that.",
            env="MAKE_STREAMS",
        ),
    ],
    True,
)
"""The option of commands that do not only look."""


def connects(**other: Any) -> Callable[[F], Callable[..., Any]]:
    """Give a command the options of a `Connection`, which is its first argument.

    Args:
        other: by the name of a field, another option for it, with its default.
    """
    hints = get_type_hints(Connection, include_extras=True)
    options = {
        field.name: (hints[field.name], field.default)
        for field in msgspec.structs.fields(Connection)
        if get_origin(hints[field.name]) is Annotated
    } | other
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)
        for name, (hint, default) in options.items()
    ]

    def decorate(command: F) -> Callable[..., Any]:
        first, *own = inspect.signature(command, eval_str=True).parameters.values()

        @functools.wraps(command)
        def connected(**given: Any) -> Any:
            fields = {one.name: given.pop(one.name) for one in parameters}
            return command(**{first.name: Connection(**fields)}, **given)

        own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        signature = inspect.Signature(own + parameters)
        connected.__signature__ = signature  # type: ignore[attr-defined]
        connected.__annotations__ = {
            one.name: one.annotation for one in signature.parameters.values()
        }
        return connected

    return decorate
