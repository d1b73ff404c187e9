"""Archives of somebody who knows the public key and means harm, or made a mistake."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from dms_events.encryption import AgeDecryptor, AgeEncryptor
from dms_events.encryption.unpack import unpack
from dms_events.errors import DecryptError
from tests.kit.tars import BLOCK, Member, file, folder, header, link, tar
from tests.kit.trees import entries

Unpack = Callable[[bytes], Path]


@pytest.fixture
def unpacked(encryptor: AgeEncryptor, decryptor: AgeDecryptor, out: Path) -> Unpack:
    """The folder that is made of an archive; where it is refused, nothing is left anywhere."""

    def make(archive: bytes) -> Path:
        (sealed := out.parent / "sealed").write_bytes(encryptor.encrypt(archive))
        before = entries(out.parent)
        try:
            decryptor.decrypt_directory(sealed, out / "back")
        except DecryptError:
            assert entries(out.parent) == before
            raise
        return out / "back"

    return make


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "a/..", "..", "//evil", "./../evil", "a/../evil"]
)
@pytest.mark.parametrize("make", [file, folder, lambda name: link(name, "x")])
def test_a_name_that_leads_out_is_refused(
    unpacked: Unpack, name: str, make: Callable[[str], Member]
) -> None:
    with pytest.raises(DecryptError, match="leads out of the folder or is not a file name"):
        unpacked(tar([folder("a"), make(name)]))


@pytest.mark.parametrize("to", ["/etc/passwd", "..", "a/..", "", "x/../../..", "./../"])
def test_a_link_that_may_lead_out_is_refused(unpacked: Unpack, to: str) -> None:
    with pytest.raises(DecryptError, match="may lead out of the folder: it links to"):
        unpacked(tar([folder("a"), link("link", to)]))


@pytest.mark.parametrize("to", ["../sealed", "/etc/passwd", "nothing", "a", "link"])
def test_a_hard_link_to_no_file_of_the_archive_is_refused(unpacked: Unpack, to: str) -> None:
    with pytest.raises(DecryptError, match=r"hard link, but not to a file before it|leads out"):
        unpacked(tar([folder("a"), link("link", to, tarfile.LNKTYPE)]))


def test_nothing_is_written_through_a_link(unpacked: Unpack, out: Path) -> None:
    """What a file is written through is refused, also where the link would stay within."""
    for members in (
        [link("a", "b"), file("a/evil")],
        [link("a", "b"), file("a")],
        [file("a"), link("a", "b")],
        [link("a", "b"), link("a", "c")],
        [link("a", "b"), folder("a")],
        [link("a", "b"), folder("b"), link("hard", "a/x", tarfile.LNKTYPE)],
    ):
        with pytest.raises(DecryptError, match=r"have the name|hard link, but not to a file"):
            unpacked(tar(members))
    assert list(out.iterdir()) == []


def test_an_entry_does_not_replace_an_earlier_one(unpacked: Unpack) -> None:
    for members in ([file("a"), file("a")], [file("a"), folder("a")], [folder("a"), file("./a")]):
        with pytest.raises(DecryptError, match="two entries of the archive have the name"):
            unpacked(tar(members))


def test_a_file_is_no_folder_for_others(unpacked: Unpack) -> None:
    with pytest.raises(DecryptError, match="have the name 'a/b/c'"):
        unpacked(tar([file("a"), file("a/b/c")]))


@pytest.mark.parametrize("type", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V", b"M"])
def test_devices_and_what_is_unknown_are_refused(unpacked: Unpack, type: bytes) -> None:
    with pytest.raises(DecryptError, match="'odd' is not a plain file, folder or link"):
        unpacked(tar([(header("odd", type, devmajor=1, devminor=3), b"")]))


def test_a_sparse_file_that_claims_a_terabyte_is_refused(unpacked: Unpack) -> None:
    sparse = header("odd", tarfile.REGTYPE, size=0)
    sparse.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": str(2**40),
        "GNU.sparse.map": f"{2**40},0",
    }
    with pytest.raises(DecryptError, match="'odd' is not a plain file, folder or link"):
        unpacked(tar([(sparse, b"")], tarfile.PAX_FORMAT))


def test_permissions_of_others_are_trimmed(unpacked: Unpack) -> None:
    members = [folder("closed", mode=0), file("closed/x", mode=0o7777), file("y", mode=0)]
    made = entries(unpacked(tar([folder(".", mode=0o777), *members])))
    assert {name: entry.mode for name, entry in made.items()} == {
        b"closed": 0o700,
        b"closed/x": 0o755,
        b"y": 0o600,
    }


def test_the_top_stays_closed_to_others(unpacked: Unpack) -> None:
    back = unpacked(tar([folder("./", mode=0o777), file("./x")]))
    assert stat.S_IMODE(back.stat().st_mode) == 0o700
    assert list(entries(back)) == [b"x"]


def test_an_archive_that_is_cut_within_a_whole_age_file_is_refused(unpacked: Unpack) -> None:
    """As `tar` that failed leaves it, in a pipe to `age`; without its end nobody knows."""
    whole = tar([file("a", bytes(2000)), file("b", bytes(2000))])
    for length in (0, 1, BLOCK - 1, BLOCK, 1500, 5 * BLOCK, 5 * BLOCK + 9, len(whole) - 2 * BLOCK):
        with pytest.raises(DecryptError, match="not a complete tar archive"):
            unpacked(whole[:length])


def test_noise_after_a_member_is_not_taken_for_the_end(unpacked: Unpack) -> None:
    for noise in (b"\x01" * BLOCK, b"hello".ljust(BLOCK), os.urandom(3 * BLOCK)):
        with pytest.raises(DecryptError, match="not a complete tar archive"):
            unpacked(tar([file("a")])[: 2 * BLOCK] + noise + bytes(2 * BLOCK))


@pytest.mark.parametrize("noise", [b"five!", b"\x1f\x8b" + bytes(5000), os.urandom(70_000)])
def test_what_is_no_archive_is_refused(unpacked: Unpack, noise: bytes) -> None:
    with pytest.raises(DecryptError, match="not a complete tar archive"):
        unpacked(noise)


def test_a_header_cannot_fill_the_memory(unpacked: Unpack) -> None:
    for type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE):
        long = header("x", type, size=2**40)
        with pytest.raises(DecryptError, match="a name or attribute that is too long"):
            unpacked(tar([(long, b"")]))


def test_sizes_below_nothing_are_refused(unpacked: Unpack) -> None:
    """After the first such header tarfile would be back at the beginning, or see the end."""
    in_pax = header("odd", tarfile.REGTYPE)
    in_pax.pax_headers = {"size": "-512"}
    for archive in (
        tar([(header("odd", tarfile.REGTYPE, size=-512), b"")]),
        tar([(header("odd", tarfile.XHDTYPE, size=-512), b""), file("a")]),
        tar([(header("odd", tarfile.GNUTYPE_LONGNAME, size=-1), b""), file("a")]),
        tar([(in_pax, b"")], tarfile.PAX_FORMAT),
    ):
        with pytest.raises(DecryptError, match="not a complete tar archive"):
            unpacked(archive)


def test_an_archive_does_not_end_at_a_pax_header_that_makes_no_sense(unpacked: Unpack) -> None:
    odd = header("odd", tarfile.XHDTYPE, size=6), b"0 a=b\n"
    with pytest.raises(DecryptError, match="not a complete tar archive"):
        unpacked(tar([file("a"), odd, file("b")]))


def test_many_entries_do_not_fill_the_memory(tmp_path: Path) -> None:
    archive = io.BytesIO(tar([folder("a")] * 15_000))
    tracemalloc.start()
    try:
        unpack(archive, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_headers_of_headers_do_not_break_the_stack(unpacked: Unpack) -> None:
    chain = [(header("x", tarfile.GNUTYPE_LONGNAME, size=5), b"name\0")] * 2000
    with pytest.raises(DecryptError, match="not a complete tar archive"):
        unpacked(tar([*chain, file("a")]))


@pytest.mark.parametrize("time", ["nan", "inf", "1e300", "9" * 400])
def test_times_that_no_clock_shows_are_refused(unpacked: Unpack, time: str) -> None:
    odd = header("odd", tarfile.REGTYPE)
    odd.pax_headers = {"mtime": time}
    with pytest.raises(DecryptError, match="not a complete tar archive"):
        unpacked(tar([(odd, b"")], tarfile.PAX_FORMAT))


def test_hard_links_and_pax_headers_of_other_programs_are_read(unpacked: Unpack) -> None:
    members = [file("a/" + "n" * 200 + "é"), link("two", "a/" + "n" * 200 + "é", tarfile.LNKTYPE)]
    back = unpacked(tar(members, tarfile.PAX_FORMAT))
    assert (back / "two").read_bytes() == b"five!"
    assert (back / "two").stat().st_nlink == 2
