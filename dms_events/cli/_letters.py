"""Select dead letters by the options of a command, and print them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer

from ..bus import Bus
from ..dead_letters import DeadLetter, may_hold_secret
from ..envelope import decode_envelope
from ..errors import ConfigError, DecodeError
from ..identity import parse_rfc3339
from ._shared import masked, visible, visible_json

__all__ = [
    "Choice",
    "Filters",
    "counted",
    "fields",
    "record",
    "table",
    "without_payload",
]

_PANEL = "Which"
_ALIKE = 3
"""Most letters of one cause that are listed one by one; of more letters only the first is listed."""
_VARYING = re.compile(r"[0-9]+|\"[^\"]*\"|'[^']*'")
"""The parts that may differ in the reasons of letters with one cause."""
_AGO = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Filters(msgspec.Struct, frozen=True):
    """The options that select the dead letters of a command."""

    reader: Annotated[
        str,
        typer.Option(
            "--reader",
            help="Durable (name of the reader) that gave the message up.",
            rich_help_panel=_PANEL,
        ),
    ] = ""
    type: Annotated[
        str,
        typer.Option(
            "--type",
            help="Type of the event, or pattern such as elk_stats.*.",
            rich_help_panel=_PANEL,
        ),
    ] = ""
    error: Annotated[
        str,
        typer.Option(
            "--error", help="Text that the error or the reason contains.", rich_help_panel=_PANEL
        ),
    ] = ""
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="Earliest time of giving up: RFC 3339, or 90s, 30m, 2h or 7d ago.",
            rich_help_panel=_PANEL,
        ),
    ] = ""
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="WHEN",
            help="Time before which the message was given up.",
            rich_help_panel=_PANEL,
        ),
    ] = ""
    id: Annotated[
        str,
        typer.Option("--id", help="Identity of the event.", rich_help_panel=_PANEL),
    ] = ""


class Choice:
    """Selects dead letters by number or identity, and by filters. A letter must match all filters.

    Raises:
        ConfigError: the text of ``since`` or ``until`` is not a time.
    """

    def __init__(self, filters: Filters, names: Sequence[str] = ()) -> None:
        self._numbers = {int(name) for name in names if _is_number(name)}
        self._ids = {name for name in names if not _is_number(name)}
        self._id = filters.id
        self._filters: dict[str, Any] = {
            "reader": filters.reader,
            "type": filters.type,
            "error": filters.error,
            "since": _moment("since", filters.since),
            "until": _moment("until", filters.until),
        }

    @property
    def unlimited(self) -> bool:
        """True if no number, identity or filter was given: all letters are chosen."""
        return not (self._numbers or self._ids or self._id or any(self._filters.values()))

    async def of(self, bus: Bus) -> AsyncGenerator[DeadLetter, None]:
        """Yield the chosen letters, oldest first.

        Raises:
            ConfigError: a number or an identity has no dead letter; no letter was yielded then.
        """
        if not (self._numbers or self._ids):
            async with aclosing(self._matching(bus)) as letters:
                async for letter in letters:
                    yield letter
            return
        found = [letter async for letter in self._matching(bus)]
        ids = {id for letter in found for id in (letter.id, visible(letter.id))}
        numbers = {letter.number for letter in found}
        for missing in sorted(map(str, self._numbers - numbers)) + sorted(self._ids - ids):
            raise ConfigError(
                "id", f"there is no dead letter {missing!r}; `dms-events dead list` shows all"
            )
        for letter in found:
            yield letter

    async def _matching(self, bus: Bus) -> AsyncGenerator[DeadLetter, None]:
        everything = not (self._numbers or self._ids)
        async with aclosing(bus.dead_letters.find(**self._filters)) as letters:
            async for letter in letters:
                # The identity itself, or its printed form.
                ids = {letter.id, visible(letter.id)}
                if (not self._id or self._id in ids) and (
                    everything or letter.number in self._numbers or ids & self._ids
                ):
                    yield letter


def table(letters: Sequence[DeadLetter], *, each: bool = False) -> Sequence[Sequence[str]]:
    """Return a heading and the letters as rows.

    Of more than three letters with one cause, the first gets a row, and one row counts the others;
    ``each`` gives every letter a row.
    """
    heading: tuple[str, ...] = (
        "letter",
        "given up",
        "id",
        "type",
        "reader",
        "attempts",
        "bytes",
        "reason",
    )
    causes: dict[tuple[str, ...], list[DeadLetter]] = {}
    for letter in letters:
        cause = (letter.reader, letter.type_name, letter.error, _VARYING.sub("#", letter.reason))
        causes.setdefault(cause, []).append(letter)
    rows = [heading]
    for alike in causes.values():
        if each or len(alike) <= _ALIKE:
            rows += map(_row, alike)
        else:
            rows += [_row(alike[0]), _more(alike[1:])]
    return rows


def _row(letter: DeadLetter) -> tuple[str, ...]:
    return (
        str(letter.number),
        visible(letter.buried[:19]) + "Z",
        visible(letter.id),
        visible(letter.type_name) or "?",
        visible(letter.reader) or "-",
        str(letter.attempts),
        f"{letter.payload_bytes:,}",
        visible(f"{letter.error}: {_reason(letter, _secret(letter), False)}"),
    )


def _more(alike: Sequence[DeadLetter]) -> tuple[str, ...]:
    last = alike[-1]
    said = f"{len(alike):,} more with this cause, up to letter {last.number} (--each lists them)"
    return ("…", visible(last.buried[:19]) + "Z", *[""] * 5, said)


def record(letter: DeadLetter, *, whole: bool = False, reveal: bool = False) -> str:
    """Return a letter as a line of JSON, without secrets; ``whole`` adds the event and its bytes."""
    known: dict[str, Any] = {"number": letter.number}
    for name in letter.__struct_fields__:
        if name != "payload":
            known[name] = getattr(letter, name)
    secret = known["secret"] = _secret(letter)
    known["reason"] = _reason(letter, secret, reveal)
    shown = reveal or not secret
    if not shown:
        known["headers"] = {}
    if whole:
        known["event"] = None if secret else _event(letter)
        known["payload"] = letter.payload if shown else None
    return visible_json(msgspec.json.encode(known).decode())


def _event(letter: DeadLetter) -> msgspec.Raw | None:
    """Return the event's JSON in the letter; None if there is no valid JSON."""
    with suppress(DecodeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = decode_envelope(letter.payload).data.decode()
        return msgspec.Raw(msgspec.json.format(event, indent=-1).encode())
    return None


def fields(letter: DeadLetter, reveal: bool) -> list[tuple[str, str]]:
    """Return all fields of a letter, with the event and the original's bytes if they may be shown."""
    shown = {name: str(getattr(letter, name)) for name in letter.__struct_fields__}
    secret = _secret(letter)
    shown["reason"] = _reason(letter, secret, reveal)
    shown["headers"] = masked(
        secret and bool(letter.headers),
        ", ".join(f"{name}: {value}" for name, value in letter.headers.items()),
        reveal,
    )
    shown["numbers"] = ", ".join(map(str, letter.numbers))
    shown["secret"] = str(secret)
    event = _event(letter)
    what = visible_json(bytes(event).decode()) if event else "cannot be read from the payload"
    # A revealed secret shows only in the payload, not also in the event.
    shown["event"] = "see the payload" if secret and reveal else masked(secret, what, reveal)
    shown.pop("payload")
    payload = masked(secret, _text(letter.payload), reveal)
    return [*((name, visible(text)) for name, text in shown.items()), ("payload", payload)]


def without_payload(letter: DeadLetter) -> DeadLetter:
    """Return a letter without its original, to save memory; it can be shown and dropped."""
    secret = _secret(letter)
    reason = _reason(letter, secret, False)
    return msgspec.structs.replace(letter, payload=b"", secret=secret, reason=reason)


def counted(count: int) -> str:
    """Return a number of dead letters as text."""
    return f"{count:,} dead letter" + ("" if count == 1 else "s")


def _secret(letter: DeadLetter) -> bool:
    return letter.secret or may_hold_secret(letter.type_name, letter.payload)


def _reason(letter: DeadLetter, secret: bool, reveal: bool) -> str:
    """Return the reason, masked for an older letter: a letter marked as secret withheld it already."""
    return masked(secret and not letter.secret, letter.reason, reveal)


def _text(payload: bytes) -> str:
    try:
        return visible(payload.decode())
    except UnicodeDecodeError:
        return payload.hex(" ", 4)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _moment(setting: str, text: str) -> datetime | None:
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        try:
            return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise ConfigError(
            setting,
            f"{text!r} is not a time: write 2026-11-23T20:00:00Z, or 90s, 30m, 2h or 7d (ago)",
        ) from None
