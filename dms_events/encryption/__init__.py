"""Encryption of bytes, files and directories in the age format (https://age-encryption.org/v1).

Files made here can be opened with ``age -d``, with Go's ``filippo.io/age`` and with any other program for
the format, and their files can be opened here. A directory is a tar archive within age:
``age -d x | tar -x``.

All calls are synchronous: they keep the processor and the disk busy. In asyncio, call the methods for
files and directories through `asyncio.to_thread`. Cancelling the task does not stop the thread.
"""

from __future__ import annotations

from ..errors import ExtraNotInstalledError

try:
    import pyrage as _pyrage  # noqa: F401
except ImportError as error:
    raise ExtraNotInstalledError("encryption", "encryption") from error

from .age import AgeDecryptor, AgeEncryptor, AgeIdentity

__all__ = ["AgeDecryptor", "AgeEncryptor", "AgeIdentity"]
