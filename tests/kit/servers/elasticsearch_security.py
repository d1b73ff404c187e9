"""Security of a test server: TLS on its HTTP port, and one user who may do everything."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import ssl
import urllib.request
from pathlib import Path
from typing import Any

from .certificate import Authority, fingerprint

__all__ = ["Security"]

_ROUNDS = 10_000


class Security:
    """Certificates in ``folder``, signed by a CA of their own; a password of its own."""

    user = "tests"

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.password = os.urandom(12).hex()
        self._cert, self._key = self.authority.sign("node")
        context = ssl.create_default_context(cafile=self.authority.certificate)
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        self._open = urllib.request.build_opener(*handlers).open

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's own certificate."""
        return fingerprint(self._cert)

    def settings(self) -> list[str]:
        """The lines for ``elasticsearch.yml``. A client may show a certificate, and need not."""
        return [
            "xpack.security.enabled: true",
            "xpack.license.self_generated.type: trial",  # without, there are no tokens
            "xpack.security.http.ssl.enabled: true",
            "xpack.security.http.ssl.key: node-key.pem",
            "xpack.security.http.ssl.certificate: node.pem",
        ]

    def write(self, config: Path) -> None:
        """Write the files that the settings name, and the user."""
        shutil.copyfile(self._cert, config / "node.pem")
        shutil.copyfile(self._key, config / "node-key.pem")
        salt = os.urandom(32)
        key = hashlib.pbkdf2_hmac("sha512", self.password.encode(), salt, _ROUNDS, 32)
        parts = (str(_ROUNDS), *(base64.b64encode(each).decode() for each in (salt, key)))
        (config / "users").write_text(f"{self.user}:{{PBKDF2}}{'$'.join(parts)}\n")
        (config / "users_roles").write_text(f"superuser:{self.user}\n")

    def call(self, url: str, method: str = "GET", body: object = None) -> Any:
        """One JSON request as that user; raises `urllib.error.HTTPError` for an error answer."""
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)
        with self._open(request, timeout=30) as reply:
            return json.loads(reply.read() or b"null")
