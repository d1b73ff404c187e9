"""What is encrypted here opens with Go's `filippo.io/age` and with tar, and the other way round."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from dms_events.encryption import AgeDecryptor, AgeEncryptor, AgeIdentity
from dms_events.errors import DecryptError, NoMatchingKeyError
from tests.kit.go.age import AgePeer, Listed, build
from tests.kit.go.toolchain import program
from tests.kit.trees import Entry, awkward_tree, entries

SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 5_000_000]


@pytest.fixture(scope="module")
def go() -> AgePeer:
    return build()


@pytest.fixture(scope="module")
def identity(go: AgePeer) -> AgeIdentity:
    """A key that Go made."""
    text, recipient = go.keygen()
    identity = AgeIdentity(text)
    assert (identity.reveal(), identity.recipient) == (text, recipient)
    return identity


@pytest.fixture(scope="module")
def encryptor(identity: AgeIdentity) -> AgeEncryptor:
    return AgeEncryptor(identity.recipient)


@pytest.fixture(scope="module")
def decryptor(identity: AgeIdentity) -> AgeDecryptor:
    return AgeDecryptor(identity)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return awkward_tree(tmp_path / "tree")


@pytest.mark.parametrize("size", SIZES)
def test_go_reads_the_bytes_that_python_encrypted(
    go: AgePeer, identity: AgeIdentity, encryptor: AgeEncryptor, size: int
) -> None:
    data = os.urandom(size)
    assert go.decrypt(encryptor.encrypt(data), identity.reveal()) == data


@pytest.mark.parametrize("armored", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_python_reads_the_bytes_that_go_encrypted(
    go: AgePeer, identity: AgeIdentity, decryptor: AgeDecryptor, size: int, armored: bool
) -> None:
    data = os.urandom(size)
    encrypted = go.encrypt(data, identity.recipient, armored=armored)
    assert encrypted.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----") == armored
    assert decryptor.decrypt(encrypted) == data


def test_a_file_goes_to_go_and_back(
    go: AgePeer,
    identity: AgeIdentity,
    encryptor: AgeEncryptor,
    decryptor: AgeDecryptor,
    tmp_path: Path,
) -> None:
    data = os.urandom(7_000_001)
    (tmp_path / "plain").write_bytes(data)
    encryptor.encrypt_file(tmp_path / "plain", tmp_path / "sealed")
    assert go.decrypt((tmp_path / "sealed").read_bytes(), identity.reveal()) == data
    (tmp_path / "of-go").write_bytes(go.encrypt(data, identity.recipient))
    decryptor.decrypt_file(tmp_path / "of-go", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_a_file_for_two_opens_on_both_sides_with_each_key(go: AgePeer) -> None:
    text, recipient = go.keygen()
    here = AgeIdentity.generate()
    ours = AgeEncryptor(recipient, here.recipient).encrypt(b"for two")
    theirs = go.encrypt(b"for two", recipient, here.recipient)
    for encrypted in (ours, theirs):
        for key in (text, here.reveal()):
            assert go.decrypt(encrypted, key) == b"for two"
            assert AgeDecryptor(AgeIdentity(key)).decrypt(encrypted) == b"for two"


def test_what_go_encrypted_and_somebody_changed_is_refused(
    go: AgePeer, identity: AgeIdentity, decryptor: AgeDecryptor
) -> None:
    encrypted = go.encrypt(b"five!", identity.recipient)
    for place in range(len(encrypted)):
        changed = bytearray(encrypted)
        changed[place] ^= 1
        with pytest.raises(DecryptError):
            decryptor.decrypt(bytes(changed))
    with pytest.raises(NoMatchingKeyError):
        decryptor.decrypt(go.encrypt(b"five!", go.keygen()[1]))


def seen_by_go(name: bytes, entry: Entry) -> Listed:
    if entry.kind == "file":
        return Listed(name, "0", entry.mode, entry.time, b"", entry.size, entry.sha256)
    empty = hashlib.sha256().hexdigest()
    if entry.kind == "folder":
        return Listed(name + b"/", "5", entry.mode, 0, b"", 0, empty)
    return Listed(name, "2", 0, 0, entry.link, 0, empty)


def test_go_lists_a_folder_that_python_encrypted(
    go: AgePeer, identity: AgeIdentity, encryptor: AgeEncryptor, tree: Path, tmp_path: Path
) -> None:
    encryptor.encrypt_directory(tree, tmp_path / "sealed")
    listed = go.list((tmp_path / "sealed").read_bytes(), identity.reveal())
    found = {
        one.name: one
        if one.type == "0"
        else one._replace(time=0, mode=one.mode * (one.type == "5"))
        for one in listed
    }
    expected = [seen_by_go(name, entry) for name, entry in entries(tree).items()]
    assert found == {one.name: one for one in expected}
    assert len(found) == len(listed)


def test_python_unpacks_a_folder_that_go_encrypted(
    go: AgePeer, identity: AgeIdentity, decryptor: AgeDecryptor, tree: Path, tmp_path: Path
) -> None:
    # io/fs knows only names in UTF-8, and archive/tar goes through it.
    for path in sorted(tree.rglob("*"), reverse=True):
        if b"\xff" in os.fsencode(path.name):
            path.unlink()
    (tmp_path / "sealed").write_bytes(go.pack(tree, identity.recipient))
    decryptor.decrypt_directory(tmp_path / "sealed", tmp_path / "back")
    assert entries(tmp_path / "back") == entries(tree)


def test_tar_unpacks_what_python_packed(
    go: AgePeer, identity: AgeIdentity, encryptor: AgeEncryptor, tree: Path, tmp_path: Path
) -> None:
    tar = program("tar", "install GNU tar")
    encryptor.encrypt_directory(tree, tmp_path / "sealed")
    (back := tmp_path / "back").mkdir()
    archive = go.decrypt((tmp_path / "sealed").read_bytes(), identity.reveal())
    done = subprocess.run([tar, "-xp", "-C", back], input=archive, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert entries(back) == entries(tree)


@pytest.mark.parametrize("format", ["gnu", "posix"])
def test_python_unpacks_what_tar_packed(
    go: AgePeer,
    identity: AgeIdentity,
    decryptor: AgeDecryptor,
    tree: Path,
    tmp_path: Path,
    format: str,
) -> None:
    tar = program("tar", "install GNU tar")
    os.link(tree / "program", tree / "same program")
    command = [str(tar), f"--format={format}", "-C", str(tree), "-c", "."]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    (tmp_path / "sealed").write_bytes(go.encrypt(archive, identity.recipient))
    decryptor.decrypt_directory(tmp_path / "sealed", tmp_path / "back")
    assert entries(tmp_path / "back") == entries(tree)
    assert (tmp_path / "back" / "program").samefile(tmp_path / "back" / "same program")
