"""The command ``dms-events``, run to its end."""

from __future__ import annotations

from .processes import CLI, Finished, run

__all__ = ["answer", "complaint", "dms"]


async def dms(*words: object, stdin: str | None = None) -> Finished:
    """Run it, however it ends."""
    return await run(*CLI, *words, stdin=stdin)


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
