"""Encryption of bytes, files and directories in the age format (https://age-encryption.org/v1).

What is made here opens with ``age -d``, with Go's ``filippo.io/age``, and with any other program of the
format, and the other way round. A directory is a tar archive within age: ``age -d x | tar -x``.

All calls are synchronous: they work the processor and the disk. In asyncio, call those for files and
directories through `asyncio.to_thread`; a task that is cancelled meanwhile does not stop the thread.
"""

from __future__ import annotations

from ..errors import ExtraNotInstalledError

try:
    import pyrage as _pyrage  # noqa: F401
except ImportError as error:
    raise ExtraNotInstalledError("encryption", "encryption") from error

from .age import AgeDecryptor, AgeEncryptor, AgeIdentity

__all__ = ["AgeDecryptor", "AgeEncryptor", "AgeIdentity"]
