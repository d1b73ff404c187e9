"""A certificate that signs itself, for a server on the loopback address."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["self_signed"]


async def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate and its key; returns their files. Skips the test where openssl is missing."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("needs openssl, which makes the certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout {key} -out {cert}"
    command = [openssl, *made.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    return cert, key
