"""The command ``dms-events``, run to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache
from tempfile import TemporaryFile

import pytest

from .forked import Forking
from .processes import Finished, environment

__all__ = ["answer", "complaint", "dms", "end_forking"]

_forking = cache(Forking)


@pytest.fixture(scope="session", autouse=True)
def end_forking() -> Iterator[None]:
    """End, after the tests, the process that forks for them, if there is one."""
    yield
    if _forking.cache_info().currsize:
        _forking().end()


async def dms(*words: object, stdin: str | None = None) -> Finished:
    """Run it, however it ends."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write((stdin or "").encode())
        for stream in (given, out, err):
            stream.seek(0)
        asked = [str(word) for word in words], environment(), (given, out, err)
        code = await asyncio.to_thread(_forking().run, *asked)
        for stream in (out, err):
            stream.seek(0)
        return Finished(code, out.read().decode(), err.read().decode())


async def answer(*words: object, stdin: str | None = None) -> str:
    """What it prints where it works; it says nothing on stderr, which is no terminal here."""
    done = await dms(*words, stdin=stdin)
    assert (done.code, done.err) == (0, "")
    return done.out


async def complaint(*words: object, stdin: str | None = None) -> str:
    """The one line that it prints where it fails."""
    done = await dms(*words, stdin=stdin)
    assert (done.code, done.out) == (1, ""), done
    line, *more = done.err.splitlines()
    assert not more, done
    assert line.startswith("dms-events: ")
    return line
