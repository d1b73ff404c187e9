"""The options of each scheme of URLs: a Struct, and a panel in the help of the commands that take it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import msgspec
import typer

from ..errors import ConfigError

__all__ = ["MAKE_STREAMS", "URL", "Nats", "Scheme", "given", "option"]


def option(
    panel: str,
    flag: str,
    text: str,
    *,
    env: str | None = "",
    metavar: str | None = None,
    default: str | None = None,
) -> Any:
    """Return an option of a panel. ``default`` is the text that the help shows for a default of None.

    Its variable is ``DMS_EVENTS_<ENV>``; an empty ``env`` takes the flag's name, None gives no variable.
    """
    words = flag.partition("/")[0].removeprefix("--").replace("-", "_")
    return typer.Option(
        flag,
        envvar=None if env is None else f"DMS_EVENTS_{env or words.upper()}",
        help=text,
        rich_help_panel=panel,
        metavar=metavar,
        show_default=default or True,
    )


class Scheme(msgspec.Struct, frozen=True):
    """The options of one scheme. This base class has none: it stands for any other scheme.

    A field without ``Annotated`` is an option of some commands only.
    """

    name: ClassVar[str] = ""
    lacks: ClassVar[str] = ""
    """The reason why some commands do not take this scheme."""

    def adapter_options(self, *, wait: bool) -> dict[str, Any]:
        """Return the options in the form that the scheme's adapter takes.

        Args:
            wait: try again for a while if the server does not listen, since it may be starting.

        Raises:
            ConfigError: a file cannot be read.
        """
        return {}


class Nats(Scheme, frozen=True):
    """The options of ``nats://``."""

    name = "nats"
    lacks = "nats:// has a server and no peers"

    credentials: Annotated[
        Path | None,
        option("NATS", "--credentials", "File with the credentials of the account (.creds)."),
    ] = None
    inbox_prefix: Annotated[
        str | None,
        option(
            "NATS",
            "--inbox-prefix",
            "Prefix of the subjects on which this client gets the server's answers; the account must "
            "be permitted to subscribe there.",
            default="_INBOX",
        ),
    ] = None
    tls_ca: Annotated[
        Path | None,
        option("NATS", "--tls-ca", "File with the certificates of the CA to trust (PEM)."),
    ] = None
    tls_cert: Annotated[
        Path | None, option("NATS", "--tls-cert", "File with the client's own certificate (PEM).")
    ] = None
    tls_key: Annotated[
        Path | None,
        option(
            "NATS",
            "--tls-key",
            "File with the key of that certificate (PEM).",
            default="the file of --tls-cert",
        ),
    ] = None
    tls_first: Annotated[
        bool,
        option(
            "NATS",
            "--tls-first",
            "Start TLS before anything else is sent. The server needs handshake_first.",
        ),
    ] = False
    make_streams: bool = False

    def adapter_options(self, *, wait: bool) -> dict[str, Any]:
        return self.server_options(wait=wait) | {"make_streams": self.make_streams}

    def server_options(self, *, wait: bool = False) -> dict[str, Any]:
        """Return the options about the server, without those about its streams."""
        given = {
            "credentials": self.credentials,
            "inbox_prefix": self.inbox_prefix,
            "tls": self._tls(),
            "tls_handshake_first": self.tls_first or None,
        }
        found = {name: value for name, value in given.items() if value is not None}
        return found | {"retry_on_failed_connect": wait}

    def _tls(self) -> ssl.SSLContext | None:
        if self.tls_cert is None and self.tls_key is not None:
            raise ConfigError("--tls-key", "needs --tls-cert")
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


def given(options: Scheme) -> dict[str, Any]:
    """Return the options that were given."""
    fields = msgspec.structs.asdict(options)
    return {name: value for name, value in fields.items() if value is not None}


URL: Final = (
    Annotated[
        str,
        option(
            "Connection",
            "--url",
            "URL of the NATS server, or libp2p://HOST:PORT on which this command's own node listens.",
        ),
    ],
    "nats://127.0.0.1:4222",
)
"""The option of commands that take both schemes."""

MAKE_STREAMS: Final = (
    Annotated[
        bool,
        option(
            "NATS",
            "--make-streams/--no-make-streams",
            "Make missing streams. With --no-make-streams, the account needs no permission for that.",
        ),
    ],
    True,
)
"""The option of commands that may create streams."""
