"""Reads the frames of a gossip stream in large pieces, with a limit of size and of time."""

from __future__ import annotations

from typing import Any

import trio

__all__ = ["BadFrameError", "Frames"]

_PIECE = 65_536
_FRAME_S = 30.0
_LONGEST_PREFIX = 10


class BadFrameError(Exception):
    """The peer sent bytes that are no frame, or a frame that is over the limit or does not end."""


class Frames:
    """Frames with a varint length before each.

    py-libp2p reads the prefix byte by byte, and yamux answers each byte with a window update. It also
    waits for ever for a frame that does not end.
    """

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._buffer = bytearray()

    async def next(self) -> bytes:
        """Return the next frame. The exceptions of the stream at its end pass through.

        Raises:
            BadFrameError: the bytes are no good frame, and the stream is of no use any more.
        """
        if not self._buffer:
            await self._read()
        try:
            with trio.fail_after(_FRAME_S):
                return await self._whole()
        except trio.TooSlowError:
            raise BadFrameError(f"a frame did not end within {_FRAME_S:g} s") from None

    async def _whole(self) -> bytes:
        while (found := self._prefix()) is None:
            await self._read()
        length, begin = found
        while len(self._buffer) < begin + length:
            await self._read()
        frame = bytes(self._buffer[begin : begin + length])
        del self._buffer[: begin + length]
        return frame

    def _prefix(self) -> tuple[int, int] | None:
        """Return the length of the next frame and its begin. None if the prefix is not whole yet."""
        length = 0
        for count, byte in enumerate(self._buffer[:_LONGEST_PREFIX]):
            length |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                if length > self._limit:
                    raise BadFrameError(f"a frame of {length} bytes is over {self._limit}")
                return length, count + 1
            if count == _LONGEST_PREFIX - 1:
                raise BadFrameError("a length that does not end")
        return None

    async def _read(self) -> None:
        self._buffer += await self._stream.read(_PIECE)
