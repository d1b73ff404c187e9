"""A key, what encrypts and decrypts with it, and a folder that must stay empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from dms_events.encryption import AgeDecryptor, AgeEncryptor, AgeIdentity


@pytest.fixture(scope="session")
def identity() -> AgeIdentity:
    return AgeIdentity.generate()


@pytest.fixture(scope="session")
def encryptor(identity: AgeIdentity) -> AgeEncryptor:
    return AgeEncryptor(identity.recipient)


@pytest.fixture(scope="session")
def decryptor(identity: AgeIdentity) -> AgeDecryptor:
    return AgeDecryptor(identity)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a target is made, and nothing else may be."""
    (folder := tmp_path / "out").mkdir()
    return folder
