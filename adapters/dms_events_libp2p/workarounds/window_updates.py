"""Window updates of a stream: one for each half window that was read, and not one for each read."""

from __future__ import annotations

from typing import Any

__all__ = ["batch_window_updates"]


def batch_window_updates(stream: Any) -> None:
    """Send fewer updates. py-libp2p answers each read with a frame: a third of the CPU of a message."""
    muxed, unsaid = stream.muxed_stream, 0
    stock = muxed._auto_tune_and_send_window_update

    async def update(*, bytes_read: int = 0) -> None:
        nonlocal unsaid
        unsaid += bytes_read
        if unsaid >= muxed.target_recv_window // 2:
            read, unsaid = unsaid, 0
            await stock(bytes_read=read)

    muxed._auto_tune_and_send_window_update = update
