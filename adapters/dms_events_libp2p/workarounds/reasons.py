"""Reasons of errors. The library wraps errors in others that say less."""

from __future__ import annotations

import trio
from libp2p.exceptions import MultiError

__all__ = ["reason_of"]


def reason_of(error: BaseException) -> str:
    """Return the text of the first error in a chain, or its repr."""
    while (inner := _inner(error)) is not None:
        error = inner
    if isinstance(error, trio.TooSlowError):
        return "no answer in time"
    return str(error) or repr(error)


def _inner(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[-1]
    return error.errors[-1] if isinstance(error, MultiError) and error.errors else None
