"""TLS to a server: the CA to trust, or the fingerprint of one certificate; a certificate of one's own."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dms_events.errors import ConfigError

__all__ = ["Tls", "speaks_tls"]

_FILES = ("ca_certs", "client_cert", "client_key")
_SHA_256 = re.compile(r"[0-9a-f]{64}")


class Tls(msgspec.Struct, frozen=True):
    """How a server proves who it is, and what the client shows it."""

    ca_certs: str | Path | None = None
    ca_fingerprint: str | None = None
    client_cert: str | Path | None = None
    client_key: str | Path | None = None

    def check(self, host: str) -> None:
        """Raise ConfigError for options that cannot work, and for files that cannot be read."""
        for name in self.__struct_fields__:
            if getattr(self, name) is not None and not host.startswith("https:"):
                raise ConfigError(name, "is for https://, and the URL is of http://")
        if self.ca_certs is not None and self.ca_fingerprint is not None:
            raise ConfigError("ca_fingerprint", "give it or ca_certs, and not both")
        if self.ca_fingerprint is not None and not _SHA_256.fullmatch(self._fingerprint):
            raise ConfigError(
                "ca_fingerprint", "is no SHA-256: 64 hexadecimal digits, with or without colons"
            )
        if self.client_key is not None and self.client_cert is None:
            raise ConfigError("client_key", "is of no use without client_cert")
        if host.startswith("https:"):
            self.context()

    def context(self) -> ssl.SSLContext:
        """Return the context for connections to a server whose certificate a known CA has signed.

        Raises:
            ConfigError: a file cannot be read, or holds nothing of use.
        """
        for name in _FILES:
            if (file := getattr(self, name)) is not None:
                try:
                    Path(file).open("rb").close()
                except OSError as error:
                    raise ConfigError(name, f"{file}: {error.strerror}") from error
        named, lacks = "ca_certs", "it holds no certificate (PEM)"
        try:
            context = ssl.create_default_context(cafile=self.ca_certs)
            if self.ca_certs is not None:
                # Since Python 3.13 a CA needs an extension that those of Elasticsearch's certutil lack.
                context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            named, lacks = "client_cert", "it is no certificate (PEM) with a key without a password"
            self._show_own(context)
        except ssl.SSLError as error:
            raise ConfigError(named, f"{getattr(self, named)}: {lacks}") from error
        return context

    async def pinned(self, host: str, timeout_s: float) -> ssl.SSLContext:
        """Return a context that trusts the certificate of ``ca_fingerprint`` and nothing else.

        The server has to send that certificate: its own, or that of a CA which signed it. Names of hosts
        are not compared, as Elastic's own clients do with a fingerprint.

        Raises:
            ConfigError: the server sends no certificate with this fingerprint.
            OSError: there is no TLS connection to the host.
            TimeoutError: it took longer than ``timeout_s``.
        """
        async with _connected(host, self._unchecked(), timeout_s) as (_, connection):
            chain = _chain(connection)
        prints = {hashlib.sha256(each).hexdigest(): each for each in chain}
        if (found := prints.get(self._fingerprint)) is None:
            raise ConfigError(
                "ca_fingerprint",
                f"{host} sends no certificate with this SHA-256. It sends {', then '.join(prints)}: "
                "check the fingerprint, or give the CA's file as ca_certs (--ca-certs)",
            )
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname = False
        trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it may be no CA's certificate
        trusting.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(found))
        self._show_own(trusting)
        return trusting

    async def names(self, host: str, timeout_s: float) -> list[str]:
        """Return the names for which a host's trusted certificate is valid; empty without one."""
        context = self.context()
        context.check_hostname = False
        named: Any = ()
        with suppress(OSError, TimeoutError):
            async with _connected(host, context, timeout_s) as (_, connection):
                named = (connection.getpeercert() or {}).get("subjectAltName", ())
        return [str(name) for _, name in named]

    async def alert(self, host: str, timeout_s: float) -> ssl.SSLError | None:
        """Return the alert with which a host ends a connection before any request; None without one.

        A host that wants a certificate sends it when the client has a connection already. It is lost if
        the client has sent a request by then.
        """
        try:
            async with _connected(host, self._unchecked(), timeout_s) as (reader, _):
                await reader.read(1)
        except ssl.SSLError as error:
            return error
        except (OSError, TimeoutError):
            return None
        return None

    def _unchecked(self) -> ssl.SSLContext:
        context = self.context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _show_own(self, context: ssl.SSLContext) -> None:
        if self.client_cert is not None:
            # Without a password OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(self.client_cert, self.client_key, password="")

    @property
    def _fingerprint(self) -> str:
        return (self.ca_fingerprint or "").replace(":", "").strip().lower()


@asynccontextmanager
async def _connected(
    host: str, context: ssl.SSLContext, timeout_s: float
) -> AsyncIterator[tuple[asyncio.StreamReader, ssl.SSLObject]]:
    """Connect to a host, and disconnect after the block; both together take at most ``timeout_s``."""
    parts = urlsplit(host)
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port, ssl=context, server_hostname=parts.hostname
        )
        try:
            yield reader, writer.get_extra_info("ssl_object")
        finally:
            writer.transport.abort()


async def speaks_tls(host: str, timeout_s: float) -> bool:
    """True if a host answers to TLS, whatever its certificate is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, TimeoutError):
        async with _connected(host, context, timeout_s):
            return True
    return False


def _chain(connection: ssl.SSLObject) -> list[bytes]:
    """Return the certificates that the server sends, its own first."""
    if sys.version_info >= (3, 13):
        return connection.get_unverified_chain()
    from _ssl import ENCODING_DER

    # The same as above, before it was public.
    private: Any = connection
    found = private._sslobj.get_unverified_chain()
    return [each.public_bytes(ENCODING_DER) for each in found]
