"""Encryptor, decryptor and keys of the age format."""

from __future__ import annotations

import os
from pathlib import Path

import pyrage
from pyrage import x25519

from ..errors import ConfigError, DecryptError, NoMatchingKeyError
from .archive import packed, refuse_inside
from .streams import WatchedFiles, finish, pull
from .targets import BUFFER_BYTES, new_directory, new_file
from .unpack import unpack

__all__ = ["AgeDecryptor", "AgeEncryptor", "AgeIdentity"]

_NO_KEY = "No matching keys found"
_WRONG_KEY = (
    "none of the identities opens it: it is for other recipients, or its header was changed"
)


class AgeIdentity:
    """A secret key (X25519). No ``repr`` and no error shows it; only `reveal` returns it as text."""

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        """Read a key: ``AGE-SECRET-KEY-1…``, alone or with the comments of ``age-keygen``.

        Raises:
            ConfigError: ``text`` is not exactly one such key. The error does not hold the text.
        """
        lines = (line.strip() for line in text.splitlines())
        keys = [line for line in lines if line and not line.startswith("#")]
        try:
            [key] = keys
            self._key = x25519.Identity.from_str(key)
        except (ValueError, pyrage.IdentityError):
            reason = "expected one line AGE-SECRET-KEY-1…, as age-keygen writes it"
            raise ConfigError("identity", reason) from None

    @classmethod
    def generate(cls) -> AgeIdentity:
        """Return a new key from the system's random numbers."""
        return cls(str(x25519.Identity.generate()))

    @property
    def recipient(self) -> str:
        """The public key, ``age1…``. Others encrypt for it. It is no secret."""
        return str(self._key.to_public())

    def reveal(self) -> str:
        """Return the secret key, ``AGE-SECRET-KEY-1…``. Keep it where only its owner can read it."""
        return str(self._key)

    def __repr__(self) -> str:
        return f"AgeIdentity(recipient={self.recipient!r})"


class AgeEncryptor:
    """Encrypts for one or more public keys; the holder of any of their secret keys can decrypt.

    The format proves that nothing was changed after encryption. It does not prove who encrypted: public
    keys are public. An existing target is never replaced. A new one appears whole or not at all; see
    `encrypt_file`.
    """

    def __init__(self, *recipients: str) -> None:
        """``recipients`` are X25519 public keys, ``age1…``.

        Raises:
            ConfigError: there is no recipient, or one is not a public key.
        """
        if not recipients:
            raise ConfigError("recipients", "at least one public key is needed")
        self._recipients = [_recipient(text) for text in recipients]

    def encrypt(self, data: bytes) -> bytes:
        """Return ``data`` encrypted.

        Meant for small data: all of it is in memory twice, and other threads wait meanwhile.
        """
        return pyrage.encrypt(data, self._recipients)

    def encrypt_file(self, source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        """Make ``target``, a file with the content of ``source`` encrypted, in constant memory.

        The target is written under a hidden name ``.dms-events-….partial`` in its folder, synced to the
        disk and renamed last. On any error and on Ctrl-C the hidden file is removed. (After SIGKILL or a
        power loss the hidden file may be left; it can be deleted.) Only its owner may read the target
        (mode 0600). Changes of ``source`` meanwhile are not noticed.

        Raises:
            FileExistsError: something exists at ``target``; it stays as it is.
            OSError: a file cannot be read or written, or the disk is full.
        """
        with open(source, "rb", BUFFER_BYTES) as plain, new_file(Path(target)) as file:
            finish(WatchedFiles(plain, file), self._encrypt)

    def encrypt_directory(
        self, source: str | os.PathLike[str], target: str | os.PathLike[str]
    ) -> None:
        """Make ``target``, an encrypted file of all that the folder ``source`` holds, in constant memory.

        Names within the archive are relative to ``source``; the name of ``source`` is not kept. Files,
        folders and symlinks are kept, with permissions and times to the second; owners are not kept. A
        file with several names (hard links) becomes several files. ``target`` is written like that of
        `encrypt_file`.

        Raises:
            EncryptError: ``target`` is within ``source``; a symlink leads out of ``source``, is absolute,
                or has ``..`` after its start; an entry is neither file, folder nor symlink; folders are
                nested deeper than 100; or a file became shorter while it was read.
            FileExistsError: something exists at ``target``; it stays as it is.
            OSError: a file cannot be read or written, or the disk is full.
        """
        folder = Path(source)
        refuse_inside(folder, Path(target))
        with packed(folder) as archive, new_file(Path(target)) as file:
            finish(WatchedFiles(archive, file), self._encrypt)

    def _encrypt(self, files: WatchedFiles) -> None:
        pyrage.encrypt_io(files, files, self._recipients)


class AgeDecryptor:
    """Decrypts data that was encrypted for one of its identities, in the binary or the armored form.

    No part of a changed or cut message is ever returned or left on the disk. A key that does not fit
    raises `NoMatchingKeyError`; damage raises another `DecryptError`. There is one exception: damage to
    the few header lines with the wrapped key looks like a key that does not fit.
    """

    def __init__(self, *identities: AgeIdentity) -> None:
        """Raises: ConfigError: there is no identity."""
        if not identities:
            raise ConfigError("identities", "at least one secret key is needed")
        self._identities = [identity._key for identity in identities]

    def decrypt(self, data: bytes) -> bytes:
        """Return the original of ``data``.

        Meant for small data: all of it is in memory twice, and other threads wait meanwhile.

        Raises:
            NoMatchingKeyError: ``data`` was encrypted for others.
            DecryptError: ``data`` is not in the age format, or was changed or cut since. Every
                `DecryptError` is a ValueError.
        """
        try:
            return pyrage.decrypt(data, self._identities)
        except pyrage.DecryptError as error:
            raise _refused(error) from error

    def decrypt_file(self, source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        """Make ``target``, a file with the original of the file ``source``, in constant memory.

        The target is written like that of `AgeEncryptor.encrypt_file`. It gets its name only after the
        last byte of ``source`` was verified.

        Raises:
            NoMatchingKeyError: ``source`` was encrypted for others.
            DecryptError: ``source`` is not in the age format, or was changed or cut since.
            FileExistsError: something exists at ``target``; it stays as it is.
            OSError: a file cannot be read or written, or the disk is full.
        """
        with open(source, "rb", BUFFER_BYTES) as encrypted, new_file(Path(target)) as file:
            finish(WatchedFiles(encrypted, file), self._decrypt)

    def decrypt_directory(
        self, source: str | os.PathLike[str], target: str | os.PathLike[str]
    ) -> None:
        """Make the folder ``target`` from the encrypted tar archive ``source``, in constant memory.

        The folder is filled under a hidden name beside ``target``. It gets its own name after the last
        byte of ``source`` was verified and all files are synced to the disk. Only its owner can open the
        folder (mode 0700). Inside, permissions and file times are as in the archive, without set-id bits
        and without write permission for others.

        The archive may come from anybody who knows the public key, so it is not trusted. It cannot write
        outside of ``target``. There it takes no more room than its own length and an inode for each
        entry. No entry can overwrite an earlier one.

        Raises:
            NoMatchingKeyError: ``source`` was encrypted for others.
            DecryptError: ``source`` is not in the age format, was changed or cut since, or does not
                hold one whole tar archive of files, folders (nested at most 100 deep), and links
                that stay within.
            FileExistsError: something exists at ``target``; it stays as it is.
            OSError: a file cannot be read or written, or the disk is full.
        """
        with (
            open(source, "rb", BUFFER_BYTES) as encrypted,
            new_directory(Path(target)) as folder,
            pull(encrypted, self._decrypt) as archive,
        ):
            unpack(archive, folder)

    def _decrypt(self, files: WatchedFiles) -> None:
        try:
            pyrage.decrypt_io(files, files, self._identities)
        except (pyrage.DecryptError, OSError) as error:
            raise _refused(error) from error


def _recipient(text: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        # The text is not shown: it may be a secret key that was put in the wrong place.
        raise ConfigError("recipients", "expected X25519 public keys, age1…") from None


def _refused(error: Exception) -> DecryptError:
    if str(error) == _NO_KEY:
        return NoMatchingKeyError(_WRONG_KEY)
    return DecryptError(
        f"the data is not an age file, or was changed or cut since it was made ({error})"
    )
