"""Answers that would do harm: without an end, nested without an end, or a way to somewhere else."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest

from dms_events.sink import SinkUnavailableError
from tests.kit.servers.scripted_elasticsearch import Answer, documents, server, sink_at, stored

_PIECE = bytes(1 << 20)
_MOST_PIECES = 200


class Pieces:
    """An answer that goes on for 200 MB, if it is read so far."""

    def __init__(self, *, packed: bool) -> None:
        self.given = 0
        self._packed = packed

    def __iter__(self) -> Iterator[bytes]:
        head = b"Content-Encoding: gzip\r\n" if self._packed else b""
        yield b"HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\n" + head
        yield b"Content-Type: application/json\r\nConnection: close\r\n\r\n"
        packer = zlib.compressobj(wbits=31) if self._packed else None
        for _ in range(_MOST_PIECES):
            self.given += 1
            yield packer.compress(_PIECE) if packer else _PIECE


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_an_end_is_read_to_a_limit_and_is_for_later(packed: bool) -> None:
    pieces = Pieces(packed=packed)
    async with server(lambda ids: (200, iter(pieces))) as url, sink_at(url) as sink:
        with pytest.raises(SinkUnavailableError, match="its answer is larger than 128 MiB"):
            await sink.write(documents(2))
    if not packed:  # packed, all of it is a few bytes
        assert pieces.given < _MOST_PIECES


async def test_an_answer_that_is_nested_too_deep_is_for_later() -> None:
    deep = b"[" * 1_000_000
    async with server(lambda ids: (200, deep)) as url, sink_at(url) as sink:
        with pytest.raises(SinkUnavailableError, match="cannot be read"):
            await sink.write(documents(2))


@pytest.mark.parametrize("place", ["http://[x", "foo:bar", "{other}/_bulk"])
@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_is_for_later_and_takes_no_document_elsewhere(
    place: str, status: int
) -> None:
    taken: list[str] = []

    def other(ids: list[str]) -> Answer:
        taken.extend(ids)
        return stored(ids)

    async with server(other) as elsewhere:
        head = f"HTTP/1.1 {status} x\r\nLocation: {place.format(other=elsewhere)}\r\n"
        answer = f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        async with server(lambda ids: (status, iter([answer]))) as url, sink_at(url) as sink:
            with pytest.raises(SinkUnavailableError, match=str(status)):
                await sink.write(documents(2))
    assert not taken
