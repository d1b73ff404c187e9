"""The reason of a failed request in words, from the errors of aiohttp and of ssl."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import Final, NamedTuple

import aiohttp

__all__ = ["AnswerTooLargeError", "Reason", "never_sent", "reason_of"]

_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_UNKNOWN_CA: Final = frozenset({18, 19, 20, 21})
"""OpenSSL's codes for a certificate that signs itself, and for an issuer that is not there."""
_BROKEN: Final = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": "it asks for a certificate: give client_cert (--client-cert)",
    "HANDSHAKE_FAILURE": "it refuses the handshake; it may ask for client_cert (--client-cert)",
    "UNKNOWN_CA": "it does not trust the CA of the client's certificate (--client-cert)",
    "CERTIFICATE": "it refuses the client's certificate (--client-cert)",
}
"""What a server says of the client, by a part of the alert's name; the first that fits counts."""
_CA_CURE: Final = (
    "no CA that is trusted here has signed its certificate ({}): "
    "give the CA's file as ca_certs (--ca-certs)"
)


class AnswerTooLargeError(aiohttp.ClientError):
    """An answer has more bytes than are read."""


class Reason(NamedTuple):
    """The words for an error."""

    text: str
    lasting: bool = False
    """True if it stays until somebody changes a setting or a certificate."""
    other_name: bool = False
    """True if the certificate is trusted, and made for another name of the host."""


def never_sent(error: BaseException | None) -> bool:
    """True if a request failed before a byte of it was sent."""
    return isinstance(error, aiohttp.ClientConnectorError)


def reason_of(error: BaseException | None, timeout_s: float) -> Reason:
    """Return why a request failed.

    Args:
        error: raised by aiohttp.
        timeout_s: how long the request might take.
    """
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _certificate(error.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            return _tls(error.os_error)
        case TimeoutError():
            return Reason(f"no answer within {timeout_s:g} s")
        case aiohttp.ClientConnectorError():
            return Reason(_no_connection(error.os_error))
        case aiohttp.ServerDisconnectedError():
            return Reason("it closed the connection without an answer")
        case aiohttp.ClientPayloadError():
            return Reason("its answer was cut off")
        case aiohttp.ClientResponseError():
            return Reason("its answer is no HTTP")
        case AnswerTooLargeError():
            return Reason(str(error))
        case ssl.SSLError():
            return _tls(error)
        case OSError():
            return Reason(_no_connection(error))
    return Reason(f"{type(error).__name__}: {error}")


def _no_connection(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"unknown host ({error.strerror})"
    said = os.strerror(error.errno) if error.errno else str(error)
    return f"the connection broke ({said})" if error.errno in _BROKEN else f"no connection ({said})"


def _certificate(error: Exception) -> Reason:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Reason(f"its certificate is not valid ({error})", lasting=True)
    said = error.verify_message
    if error.verify_code in _UNKNOWN_CA:
        return Reason(_CA_CURE.format(said), lasting=True)
    other_name = error.verify_code in _OTHER_NAME
    return Reason(
        f"its certificate is not valid here ({said})", lasting=True, other_name=other_name
    )


def _tls(error: OSError) -> Reason:
    said = getattr(error, "reason", None) or ""
    if said in _NO_TLS:
        return Reason("it does not speak TLS: write http:// in place of https://", lasting=True)
    if "ALERT" in said:
        for part, words in _ALERTS.items():
            if part in said:
                return Reason(words, lasting=True)
    return Reason(f"TLS failed ({said or error})")
