"""The interfaces of encryption and decryption. `dms_events.encryption` implements them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ._enums import OpenIntEnum

__all__ = ["Decryptor", "EncryptionType", "Encryptor"]


class EncryptionType(OpenIntEnum):
    """The kinds of encryption."""

    NULL = 0
    """No encryption."""


@runtime_checkable
class Encryptor(Protocol):
    """Encrypts bytes."""

    def encrypt(self, data: bytes) -> bytes:
        """Return the encrypted form of ``data``."""
        ...


@runtime_checkable
class Decryptor(Protocol):
    """Decrypts the data that its Encryptor encrypted."""

    def decrypt(self, data: bytes) -> bytes:
        """Return the original of the encrypted ``data``.

        Raises:
            ValueError: ``data`` was not encrypted for this decryptor, or was changed since.
        """
        ...
