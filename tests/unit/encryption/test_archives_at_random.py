"""Archives that chance made: links over links, and damage that only the reader of tar can notice."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dms_events.encryption.archive import leads_out
from dms_events.encryption.unpack import unpack
from dms_events.errors import DecryptError
from tests.kit.tars import BLOCK, file, folder, link, tar
from tests.kit.trees import entries

PARTS = st.sampled_from(["a", "b", "c", ".", ".."])
LINKS = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join),
    st.lists(PARTS, min_size=1, max_size=5).map("/".join),
    max_size=9,
)


@given(LINKS)
@settings(deadline=None, max_examples=300)
def test_links_that_stay_within_stay_there_together(links: dict[str, str]) -> None:
    """Each is judged alone, and leads through the others."""
    kept = {
        name: to
        for name, to in links.items()
        if not leads_out(to, name.count("/"))
        and not any(name.startswith(other + "/") for other in links)
    }
    archive = io.BytesIO(tar(link(name, to) for name, to in kept.items()))
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary).resolve() / "x"
        top.mkdir()
        unpack(archive, top)
        for name in kept:
            assert (top / name).is_symlink()
            assert Path(os.path.realpath(top / name)).is_relative_to(top)


SEED = tar(
    [
        folder("a", mode=0o755),
        file("a/file", b"x" * 700),
        link("a/link", "file"),
        link("hard", "a/file", tarfile.LNKTYPE),
        file("l" * 120 + "/x", b""),
    ]
)[: -2 * BLOCK] + tar([file("é" * 90, b"y", mtime=1.5)], tarfile.PAX_FORMAT)


def summed(archive: bytearray) -> bytes:
    """The archive with checksums that fit, so that damage is not noticed by them alone."""
    for start in range(0, len(archive) - BLOCK + 1, BLOCK):
        block = archive[start : start + BLOCK]
        if any(block):
            block[148:156] = b" " * 8
            archive[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    return bytes(archive)


@given(
    st.lists(
        st.tuples(st.integers(0, len(SEED) - 1), st.binary(min_size=1, max_size=12)),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
@settings(deadline=None, max_examples=1000)
def test_a_damaged_archive_is_unpacked_or_refused(
    changes: list[tuple[int, bytes]], fitting: bool
) -> None:
    archive = bytearray(SEED)
    for place, noise in changes:
        archive[place : place + len(noise)] = noise
    data = summed(archive) if fitting else bytes(archive)
    with tempfile.TemporaryDirectory() as temporary:
        (top := Path(temporary) / "top").mkdir()
        try:
            unpack(io.BytesIO(data), top)
        except DecryptError:
            pass
        except OSError as error:
            assert error.filename is not None  # noqa: PT017  # a name too long for this system
        assert list(Path(temporary).iterdir()) == [top]
        assert sum(entry.size for entry in entries(top).values()) <= 9000
