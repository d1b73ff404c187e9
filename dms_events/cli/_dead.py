"""``dms-events dead``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from typing import Annotated

import typer

from .. import registry
from .._connect import connect
from ..dead import DeadLetter
from ..envelope import decode_envelope
from ..errors import ConfigError, DecodeError
from ..types._secrets import secret_keys
from ._shared import (
    HIDDEN,
    RevealOption,
    RootOption,
    UrlOption,
    is_secret,
    out,
    print_columns,
    visible,
)

__all__ = ["app"]

app = typer.Typer(
    help="Look at dead letters: what could not be read or stored, with the reason.",
    no_args_is_help=True,
)


@app.command("list")
def list_(url: UrlOption = "nats://127.0.0.1:4222", root: RootOption = "dms") -> None:
    """List all dead letters, oldest first."""
    letters = asyncio.run(_letters(url, root))
    if not letters:
        out.print("no dead letters")
        return
    rows = [("buried", "id", "type", "reader", "attempts", "bytes", "reason")]
    rows += [
        (
            letter.buried[:19] + "Z",
            visible(letter.id),
            visible(letter.type_name) or "?",
            letter.reader or "-",
            str(letter.attempts),
            f"{letter.payload_bytes:,}",
            visible(f"{letter.error}: {letter.reason}"),
        )
        for letter in letters
    ]
    print_columns(rows)


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="Identity of the event, as `dead list` shows it.")],
    url: UrlOption = "nats://127.0.0.1:4222",
    root: RootOption = "dms",
    reveal: RevealOption = False,
) -> None:
    """Show the dead letters of one event, with the original bytes."""
    found = [letter for letter in asyncio.run(_letters(url, root)) if visible(letter.id) == id]
    if not found:
        raise ConfigError("id", f"no dead letter of {id!r}; `dms-events dead list` shows them all")
    for letter in found:
        for name in letter.__struct_fields__:
            if name != "payload":
                out.print(f"{name:>14}  {visible(str(getattr(letter, name)))}", markup=False)
        payload = _text(letter.payload) if reveal or not _may_be_secret(letter) else HIDDEN
        out.print(f"{'payload':>14}  {payload}", markup=False)


async def _letters(url: str, root: str) -> list[DeadLetter]:
    async with connect(url, root=root) as bus:
        return [letter async for letter in bus.dead_letters()]


def _may_be_secret(letter: DeadLetter) -> bool:
    """Whether the original may hold a secret, as far as can be told.

    It could not be read, and may be an event of another type than the one it was published under. So a
    word that only secrets are called by is enough.
    """
    names, texts = [letter.type_name], [letter.payload.lower()]
    with suppress(DecodeError):
        envelope = decode_envelope(letter.payload)
        names.append(envelope.type)
        texts.append(envelope.data.lower())
    return any(map(is_secret, names)) or any(word in text for word in _words() for text in texts)


@cache
def _words() -> frozenset[bytes]:
    """The names of the types that hold a secret and the keys of those secrets in JSON, in lower case."""
    words = set()
    for name in filter(is_secret, registry.names()):
        words.add(name.partition(".")[2])
        words.update(f'"{key}"' for key in secret_keys(registry.get(name)))
    return frozenset(word.lower().encode() for word in words)


def _text(payload: bytes) -> str:
    try:
        return visible(payload.decode())
    except UnicodeDecodeError:
        return payload.hex(" ", 4)
