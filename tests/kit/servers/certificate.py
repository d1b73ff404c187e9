"""Certificates for servers on the loopback address: one that signs itself, or a CA and what it signs."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

__all__ = ["Authority", "fingerprint", "self_signed"]

_LOOPBACK = "IP:127.0.0.1,DNS:localhost"


async def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate and its key; returns their files. Skips the test where openssl is missing."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout {key} -out {cert}"
    await asyncio.to_thread(_openssl, *made.split(), "-addext", "subjectAltName=IP:127.0.0.1")
    return cert, key


class Authority:
    """A CA of its own, without the extension "key usage", as older ones of Elasticsearch's certutil are.

    Making one skips the test where openssl is missing.
    """

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self.certificate, self._key = folder / f"{name}.pem", folder / f"{name}-key.pem"
        made = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name}"
        _openssl(*made.split(), "-keyout", str(self._key), "-out", str(self.certificate))

    def sign(self, name: str, names: str = _LOOPBACK) -> tuple[Path, Path]:
        """Make a certificate for ``names``, followed by that of the CA, and its key."""
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        made = (
            f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {key} -out {cert}"
        )
        signed = f"-CA {self.certificate} -CAkey {self._key} -addext subjectAltName={names}"
        leaf = "-addext basicConstraints=critical,CA:FALSE"
        _openssl(*made.split(), *signed.split(), *leaf.split())
        cert.write_bytes(cert.read_bytes() + self.certificate.read_bytes())
        return cert, key

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the CA's certificate, as Elasticsearch prints it."""
        return fingerprint(self.certificate)


def fingerprint(file: Path) -> str:
    """SHA-256 of the first certificate of a file."""
    first = file.read_text().partition("-----END")[0] + "-----END CERTIFICATE-----"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def _openssl(*words: str) -> None:
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("needs openssl, which makes the certificate")
    subprocess.run([openssl, *words], check=True, capture_output=True)
