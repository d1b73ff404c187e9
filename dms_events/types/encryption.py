"""What encrypts and decrypts: the seams, which `dms_events.encryption` implements."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ._enums import OpenIntEnum

__all__ = ["Decryptor", "EncryptionType", "Encryptor"]


class EncryptionType(OpenIntEnum):
    """How data is encrypted."""

    NULL = 0
    """Not at all."""


@runtime_checkable
class Encryptor(Protocol):
    """Encrypts bytes."""

    def encrypt(self, data: bytes) -> bytes:
        """The encrypted form of ``data``."""
        ...


@runtime_checkable
class Decryptor(Protocol):
    """Decrypts what its Encryptor made."""

    def decrypt(self, data: bytes) -> bytes:
        """The original of ``data``.

        Raises:
            ValueError: ``data`` was not encrypted for this decryptor, or was changed since.
        """
        ...
