"""The socket to a NATS server: it counts bytes, and can be given up while bytes wait to leave."""

from __future__ import annotations

import array
import asyncio
import sys
from urllib.parse import ParseResult

from nats.aio.transport import TcpTransport

if sys.platform == "linux":
    import fcntl
    import termios

__all__ = ["Tcp"]

_CLOSE_S = 1.0


class Tcp(TcpTransport):
    """nats-py's connection, which counts bytes, and which can be given up while bytes wait to leave."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.received = 0
        self.written = 0
        self.attempt_at = 0.0
        self.aborted = False
        self.server = ""

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        self.abort()  # an attempt that failed may have left a socket
        self.server = f"{uri.hostname}:{uri.port}"
        self.attempt_at = asyncio.get_running_loop().time()
        await super().connect(uri, buffer_size, connect_timeout)
        self.received += 1  # a new link counts as a movement
        self.aborted = False

    async def read(self, buffer_size: int) -> bytes:
        data: bytes = await super().read(buffer_size)
        self.received += len(data)
        return data

    def write(self, payload: bytes) -> None:
        self.written += len(payload)
        super().write(payload)  # type: ignore[no-untyped-call]

    def writelines(self, payload: list[bytes]) -> None:
        self.write(b"".join(payload))

    async def drain(self) -> None:
        if not self.aborted:
            await super().drain()  # type: ignore[no-untyped-call]

    async def wait_closed(self) -> None:
        """Let the waiting bytes leave, for at most a second."""
        if self.aborted:
            return  # if TLS had begun and not ended, its end would never be reported
        try:
            async with asyncio.timeout(_CLOSE_S):
                await super().wait_closed()  # type: ignore[no-untyped-call]
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Give up the socket at once, with the bytes that wait to leave."""
        self.aborted = True
        for writer in self._writers():
            writer.transport.abort()

    def waiting(self) -> int:
        """Return the number of written bytes not acknowledged by the other side, as far as known."""
        count = sum(writer.transport.get_write_buffer_size() for writer in self._writers())
        if sys.platform == "linux" and self._bare_io_writer is not None:
            descriptor = self._bare_io_writer.get_extra_info("socket").fileno()
            if descriptor >= 0:
                queued = array.array("i", [0])
                fcntl.ioctl(descriptor, termios.TIOCOUTQ, queued)
                count += queued[0]
        return count

    def _writers(self) -> set[asyncio.StreamWriter]:
        """Return the writers: with TLS two, one for the plain bytes and one for the socket."""
        return {each for each in (self._io_writer, self._bare_io_writer) if each is not None}

    def __bool__(self) -> bool:
        return True  # else nats-py makes a transport of its own before the first connection
