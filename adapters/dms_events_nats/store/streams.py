"""The error of a missing stream, with the names of the streams that exist."""

from __future__ import annotations

import contextlib

import nats.errors
from nats.aio.client import Client

from ..client import NotThereError, request

__all__ = ["missing_stream"]

_MOST_NAMED = 20
_ASK_S = 2.0


async def missing_stream(client: Client, name: str) -> NotThereError:
    """Return the error of a missing stream, with the streams that this account may see."""
    said = ""
    # Without the permission to ask, or without an answer, the error says less.
    with contextlib.suppress(nats.errors.Error, OSError):
        answer = await request(client, "STREAM.NAMES", timeout_s=_ASK_S)
        names = [one for one in answer.get("streams") or () if not one.startswith(("KV_", "OBJ_"))]
        more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
        said = f"; there are {', '.join([*names[:_MOST_NAMED], *more]) or 'none at all'}"
    return NotThereError(
        f"there is no stream {name}{said}. Check the root (--root), or make it: `dms-events nats setup`"
    )
