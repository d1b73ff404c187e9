"""Files: whole at their place, or nothing."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrage import x25519

from dms_events.encryption import AgeDecryptor, AgeEncryptor, AgeIdentity
from dms_events.encryption.streams import WatchedFiles, finish
from dms_events.errors import DecryptError, NoMatchingKeyError

CHUNK = 65_536
SEALED_CHUNK = CHUNK + 16
NONCE = 16
KEY = AgeIdentity.generate()
SIZES = st.integers(0, 200) | st.sampled_from(
    [n * CHUNK + d for n in (1, 2, 16) for d in (-1, 0, 1)]
)


def payload_start(encrypted: bytes) -> int:
    return encrypted.index(b"\n", encrypted.index(b"\n--- ") + 1) + 1


@pytest.fixture
def sealed(tmp_path: Path, encryptor: AgeEncryptor) -> Callable[[bytes], Path]:
    """A file with these bytes encrypted."""

    def write(data: bytes) -> Path:
        path = tmp_path / "sealed.age"
        path.write_bytes(encryptor.encrypt(data))
        return path

    return write


def refuse(decryptor: AgeDecryptor, source: Path, out: Path) -> DecryptError:
    """The error with which it is refused; nothing is left."""
    with pytest.raises(DecryptError) as caught:
        decryptor.decrypt_file(source, out / "plain")
    assert list(out.iterdir()) == []
    return caught.value


@given(SIZES, st.binary(min_size=1, max_size=9))
@settings(deadline=None)
def test_a_file_comes_back_as_it_was(size: int, pattern: bytes) -> None:
    data = (pattern * (size // len(pattern) + 1))[:size]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plain").write_bytes(data)
        AgeEncryptor(KEY.recipient).encrypt_file(folder / "plain", folder / "sealed")
        AgeDecryptor(KEY).decrypt_file(str(folder / "sealed"), str(folder / "back"))
        assert (folder / "back").read_bytes() == data
        assert AgeDecryptor(KEY).decrypt((folder / "sealed").read_bytes()) == data
        assert sorted(p.name for p in folder.iterdir()) == ["back", "plain", "sealed"]


def test_only_its_owner_may_read_what_was_made(
    encryptor: AgeEncryptor, decryptor: AgeDecryptor, tmp_path: Path
) -> None:
    (plain := tmp_path / "plain").write_bytes(b"five!")
    plain.chmod(0o666)
    encryptor.encrypt_file(plain, tmp_path / "sealed")
    decryptor.decrypt_file(tmp_path / "sealed", tmp_path / "back")
    for name in ("sealed", "back"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_every_changed_byte_of_a_file_is_refused_and_leaves_nothing(
    sealed: Callable[[bytes], Path], decryptor: AgeDecryptor, out: Path
) -> None:
    encrypted = (file := sealed(b"five!")).read_bytes()
    for place in range(len(encrypted)):
        changed = bytearray(encrypted)
        changed[place] ^= 1
        file.write_bytes(changed)
        refuse(decryptor, file, out)


@pytest.mark.parametrize("size", [2 * CHUNK, 2 * CHUNK + 100])
def test_a_file_that_was_cut_between_chunks_is_refused(
    sealed: Callable[[bytes], Path], decryptor: AgeDecryptor, out: Path, size: int
) -> None:
    encrypted = (file := sealed(os.urandom(size))).read_bytes()
    start = payload_start(encrypted)
    ends = range(start + NONCE, len(encrypted), SEALED_CHUNK)
    assert len(ends) == -(-size // CHUNK)
    for end in (0, start, *ends, len(encrypted) - 1):
        for length in {end, max(end - 1, 0), min(end + 1, len(encrypted) - 1)}:
            file.write_bytes(encrypted[:length])
            refuse(decryptor, file, out)


def test_chunks_that_were_swapped_repeated_or_appended_are_refused(
    sealed: Callable[[bytes], Path], decryptor: AgeDecryptor, out: Path
) -> None:
    encrypted = (file := sealed(os.urandom(3 * CHUNK))).read_bytes()
    start = payload_start(encrypted) + NONCE
    head, rest = encrypted[:start], encrypted[start:]
    one, two, three = (rest[n * SEALED_CHUNK :][:SEALED_CHUNK] for n in range(3))
    assert head + one + two + three == encrypted
    for chunks in ([two, one, three], [one, one, three], [one, two, three, three], [one, three]):
        file.write_bytes(head + b"".join(chunks))
        refuse(decryptor, file, out)
    file.write_bytes(encrypted + b"\n")
    refuse(decryptor, file, out)


def test_the_last_byte_of_a_large_file_is_proved_before_it_has_its_name(
    sealed: Callable[[bytes], Path], decryptor: AgeDecryptor, out: Path
) -> None:
    encrypted = bytearray((file := sealed(bytes(3_000_000))).read_bytes())
    encrypted[-1] ^= 1
    file.write_bytes(encrypted)
    assert "decryption error" in refuse(decryptor, file, out).reason


@pytest.mark.parametrize("noise", [b"", b"hello", b"\0" * 1000, b"age-encryption.org/v2\n" * 9])
def test_what_is_no_age_file_is_refused(decryptor: AgeDecryptor, out: Path, noise: bytes) -> None:
    (file := out.parent / "noise").write_bytes(noise)
    assert not isinstance(refuse(decryptor, file, out), NoMatchingKeyError)


def test_a_file_for_others_is_refused_as_such(
    sealed: Callable[[bytes], Path], decryptor: AgeDecryptor, out: Path
) -> None:
    (by_passphrase := out.parent / "by-passphrase").write_bytes(
        pyrage.passphrase.encrypt(b"five!", "horse")
    )
    stranger = AgeDecryptor(AgeIdentity.generate())
    assert isinstance(refuse(stranger, sealed(b"five!"), out), NoMatchingKeyError)
    assert isinstance(refuse(decryptor, by_passphrase, out), NoMatchingKeyError)


@pytest.mark.parametrize("existing", ["file", "folder", "dangling"])
def test_what_exists_is_not_replaced(
    sealed: Callable[[bytes], Path],
    encryptor: AgeEncryptor,
    decryptor: AgeDecryptor,
    out: Path,
    existing: str,
) -> None:
    target = out / "target"
    if existing == "file":
        target.write_bytes(b"dear")
    elif existing == "folder":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    before = os.lstat(target)
    source = sealed(b"five!")
    for make in (encryptor.encrypt_file, decryptor.decrypt_file, decryptor.decrypt_directory):
        with pytest.raises(FileExistsError, match=r"is not replaced.*target"):
            make(source, target)
    with pytest.raises(FileExistsError, match=r"is not replaced.*target"):
        encryptor.encrypt_directory(source.parent / "none", target)
    assert os.lstat(target) == before
    assert list(out.iterdir()) == [target]


def test_what_comes_to_exist_meanwhile_is_not_replaced(
    encryptor: AgeEncryptor, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process makes the target after it was looked for."""
    (source := out.parent / "plain").write_bytes(b"five!")
    target = out / "target"
    fsync = os.fsync

    def fsync_and_more(handle: int) -> None:
        fsync(handle)
        target.write_bytes(b"dear")

    monkeypatch.setattr(os, "fsync", fsync_and_more)
    with pytest.raises(FileExistsError):
        encryptor.encrypt_file(source, target)
    assert [(p, p.read_bytes()) for p in out.iterdir()] == [(target, b"dear")]


def test_a_file_system_without_hard_links_will_do(
    encryptor: AgeEncryptor, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    (source := out.parent / "plain").write_bytes(b"five!")
    encryptor.encrypt_file(source, out / "target")
    with pytest.raises(FileExistsError):
        encryptor.encrypt_file(source, out / "target")
    assert [p.name for p in out.iterdir()] == ["target"]


def test_what_is_not_there_is_not_found(
    encryptor: AgeEncryptor, decryptor: AgeDecryptor, out: Path
) -> None:
    for make in (encryptor.encrypt_file, decryptor.decrypt_file, decryptor.decrypt_directory):
        with pytest.raises(FileNotFoundError):
            make(out / "none", out / "target")
        (source := out.parent / "plain").write_bytes(b"five!")
        with pytest.raises(FileNotFoundError):
            make(source, out / "no-folder" / "target")
        with pytest.raises(IsADirectoryError):
            make(out, out / "target")
    assert list(out.iterdir()) == []


def encrypting(ends: WatchedFiles) -> None:
    pyrage.encrypt_io(ends, ends, [x25519.Recipient.from_str(KEY.recipient)])


class Breaking(io.BytesIO):
    """A source that fails in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > CHUNK:
            raise OSError(errno.EIO, "the disk is broken")
        return super().read(size)


def test_a_source_that_breaks_raises_its_own_error() -> None:
    broken = WatchedFiles(Breaking(bytes(3 * CHUNK)), io.BytesIO())
    with pytest.raises(OSError, match="the disk is broken") as caught:
        finish(broken, encrypting)
    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("size", [5, 3 * CHUNK])
def test_a_disk_that_is_full_is_noticed_even_at_the_last_bytes(size: int) -> None:
    """pyrage alone says nothing where the last 8 KiB cannot be written."""
    with open("/dev/full", "wb", 0) as full:
        ends = WatchedFiles(io.BytesIO(bytes(size)), full)
        with pytest.raises(OSError, match="No space left") as caught:
            finish(ends, encrypting)
    assert caught.value.errno == errno.ENOSPC
