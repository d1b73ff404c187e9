"""Folders: what comes back, and what cannot be encrypted."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dms_events.encryption import AgeDecryptor, AgeEncryptor, AgeIdentity
from dms_events.encryption.archive import packed
from dms_events.errors import DecryptError, EncryptError, NoMatchingKeyError
from tests.kit.trees import awkward_tree, entries

KEY = AgeIdentity.generate()
NAMES = st.binary(min_size=1, max_size=120).filter(
    lambda name: name not in (b".", b"..") and not {0, ord("/")} & set(name)
)
TREES = st.recursive(
    st.binary(max_size=1500), lambda inner: st.dictionaries(NAMES, inner, max_size=4)
).filter(lambda tree: isinstance(tree, dict))

Tree = bytes | dict[bytes, "Tree"]


def grow(path: bytes, tree: Tree) -> None:
    if isinstance(tree, bytes):
        with open(path, "wb") as file:
            file.write(tree)
        return
    os.mkdir(path)
    for name, inner in tree.items():
        grow(path + b"/" + name, inner)


def there_and_back(source: Path, out: Path) -> Path:
    AgeEncryptor(KEY.recipient).encrypt_directory(source, out / "sealed")
    AgeDecryptor(KEY).decrypt_directory(out / "sealed", out / "back")
    assert sorted(p.name for p in out.iterdir()) == ["back", "sealed"]
    return out / "back"


@given(TREES)
@settings(deadline=None)
def test_any_folder_comes_back_as_it_was(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name, "source"), Path(name, "out")
        grow(os.fsencode(source), tree)
        out.mkdir()
        assert entries(there_and_back(source, out)) == entries(source)


def test_odd_names_links_permissions_and_times_come_back(tmp_path: Path, out: Path) -> None:
    source = awkward_tree(tmp_path / "source")
    assert len(entries(source)) > 60
    assert entries(there_and_back(source, out)) == entries(source)


def test_an_empty_folder_comes_back_empty(tmp_path: Path, out: Path) -> None:
    (source := tmp_path / "source").mkdir()
    assert list(there_and_back(source, out).iterdir()) == []


def test_the_folder_is_open_to_its_owner_alone(tmp_path: Path, out: Path) -> None:
    (source := tmp_path / "source").mkdir(mode=0o755)
    assert stat.S_IMODE(there_and_back(source, out).stat().st_mode) == 0o700


def test_a_file_with_two_names_becomes_two_files(tmp_path: Path, out: Path) -> None:
    (source := tmp_path / "source").mkdir()
    (source / "one").write_bytes(b"five!")
    os.link(source / "one", source / "two")
    back = there_and_back(source, out)
    assert [(back / name).read_bytes() for name in ("one", "two")] == [b"five!"] * 2
    assert (back / "one").stat().st_ino != (back / "two").stat().st_ino


def test_folders_are_nested_a_hundred_deep_and_not_deeper(tmp_path: Path, out: Path) -> None:
    (source := tmp_path / "source").mkdir()
    (deepest := source / "/".join("d" * 100)).mkdir(parents=True)
    assert entries(there_and_back(source, out)) == entries(source)
    (deepest / "file").write_bytes(b"")
    with pytest.raises(EncryptError, match="is nested deeper than 100 folders"):
        AgeEncryptor(KEY.recipient).encrypt_directory(source, out / "again")
    assert not (out / "again").exists()


def test_neither_owners_nor_set_id_bits_come_back(tmp_path: Path, out: Path) -> None:
    (source := tmp_path / "source").mkdir()
    (source / "file").write_bytes(b"")
    (source / "file").chmod(0o6777)
    there_and_back(source, out)
    assert stat.S_IMODE((out / "back" / "file").stat().st_mode) == 0o755
    with packed(source) as archive:
        header = archive.read()[:512]
    assert header[108:124] == b"0000000\x000000000\x00"
    assert header[265:329] == bytes(64)


@pytest.mark.parametrize(
    "link", ["/etc/passwd", "..", "../..", "a/..", "b/../..", "./..", "b/../../x", "../source/a"]
)
def test_a_link_that_may_lead_out_cannot_be_encrypted(
    tmp_path: Path, encryptor: AgeEncryptor, out: Path, link: str
) -> None:
    (source := tmp_path / "source").mkdir()
    (source / "a").write_bytes(b"five!")
    (source / "link").symlink_to(link)
    with pytest.raises(EncryptError, match="may lead out of the folder: it links to") as caught:
        encryptor.encrypt_directory(source, out / "sealed")
    assert str(source / "link") in caught.value.reason
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_what_is_no_file_cannot_be_encrypted(
    tmp_path: Path, encryptor: AgeEncryptor, out: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source := tmp_path / "source").mkdir()
    (source / "a").write_bytes(bytes(1_000_000))
    monkeypatch.chdir(source)  # a socket's path is short
    if kind == "fifo":
        os.mkfifo("odd")
    else:
        with socket.socket(socket.AF_UNIX) as odd:
            odd.bind("odd")
    with pytest.raises(EncryptError, match=r"odd' is neither file, folder nor symlink"):
        encryptor.encrypt_directory(source, out / "sealed")
    assert list(out.iterdir()) == []


def test_a_file_that_becomes_shorter_is_noticed(tmp_path: Path) -> None:
    (source := tmp_path / "source").mkdir()
    (file := source / "file").write_bytes(bytes(5_000_000))
    with packed(source) as archive:
        archive.read(100)
        os.truncate(file, 4_000_000)
        with pytest.raises(EncryptError, match="became shorter while it was read"):
            archive.read()


@pytest.mark.parametrize("place", ["sealed", "inner/sealed", "../source/sealed", "alias/sealed"])
def test_a_folder_cannot_be_encrypted_into_itself(
    tmp_path: Path, encryptor: AgeEncryptor, place: str
) -> None:
    (source := tmp_path / "source" / "inner").mkdir(parents=True)
    (source.parent / "alias").symlink_to("inner")
    before = entries(source.parent)
    with pytest.raises(EncryptError, match="is inside"):
        encryptor.encrypt_directory(source.parent, source.parent / place)
    assert entries(source.parent) == before


def test_a_file_is_no_folder_to_encrypt(encryptor: AgeEncryptor, out: Path) -> None:
    (source := out.parent / "plain").write_bytes(b"five!")
    with pytest.raises(NotADirectoryError):
        encryptor.encrypt_directory(source, out / "sealed")
    with pytest.raises(FileNotFoundError):
        encryptor.encrypt_directory(source.with_name("none"), out / "sealed")
    assert list(out.iterdir()) == []


def test_a_folder_that_was_changed_or_cut_anywhere_leaves_nothing(
    tmp_path: Path, encryptor: AgeEncryptor, decryptor: AgeDecryptor, out: Path
) -> None:
    (source := tmp_path / "source").mkdir()
    for n in range(40):
        (source / f"file-{n}").write_bytes(os.urandom(20_000))
    encryptor.encrypt_directory(source, sealed := tmp_path / "sealed")
    encrypted = sealed.read_bytes()
    for place in (*range(0, len(encrypted), 50_000), -70_000, -17, -1):
        changed = bytearray(encrypted)
        changed[place] ^= 1
        for damaged in (changed, encrypted[:place]):
            sealed.write_bytes(damaged)
            with pytest.raises(DecryptError, match=r"was changed( |$|.*since)"):
                decryptor.decrypt_directory(sealed, out / "back")
            assert list(out.iterdir()) == []


def test_a_folder_for_others_is_refused_as_such(
    tmp_path: Path, encryptor: AgeEncryptor, out: Path
) -> None:
    (source := tmp_path / "source").mkdir()
    encryptor.encrypt_directory(source, sealed := tmp_path / "sealed")
    with pytest.raises(NoMatchingKeyError):
        AgeDecryptor(AgeIdentity.generate()).decrypt_directory(sealed, out / "back")
    assert list(out.iterdir()) == []
