"""Text that strangers wrote, made safe to show: on a terminal, in JSON, and in every log line."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

__all__ = ["Lines", "escape_log", "visible", "visible_json"]


def visible(text: str) -> str:
    """Return the text with all invisible characters escaped, and nothing else changed.

    Such characters would move the cursor, set colours, turn the direction of writing, or begin another
    line: control characters (C0 and C1), format characters such as bidi marks, and line separators.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def visible_json(text: str) -> str:
    """Return one-line JSON with all invisible characters escaped as JSON does; its value is the same."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _json_escape(c) for c in text)


class Lines(str):
    """A text with line breaks of our own, such as a stack: a log line shows it unchanged."""

    __slots__ = ()


def escape_log(logger: logging.Logger) -> None:
    """Make every record of a logger escape its arguments and the text of its error."""
    logger.addFilter(_escape)


def _escape(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            arg if isinstance(arg, int | float | Lines) else _Visible(arg) for arg in record.args
        )
    if record.exc_info and record.exc_info[1] and not record.exc_text:
        record.exc_text = _trace(record.exc_info[1])
    return True


class _Visible:
    """An argument of a log record; it is escaped only when the record is written."""

    __slots__ = ("_of",)

    def __init__(self, of: object) -> None:
        self._of = of

    def __str__(self) -> str:
        return visible(str(self._of))

    def __repr__(self) -> str:
        return visible(repr(self._of))


def _trace(error: BaseException) -> str:
    """Return the traceback with its own lines; no error's text can begin another line."""
    text = "".join(traceback.format_exception(error)).rstrip("\n")
    for said in _said(error):
        if not said.isprintable():
            text = text.replace(said, visible(said))
    return "\n".join(map(visible, text.split("\n")))


def _said(error: BaseException) -> Iterator[str]:
    """Yield the texts of an error, and of the errors that led to it or are inside it."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        left += (one.__cause__, one.__context__)
        left += getattr(one, "exceptions", ())
        yield from filter(None, (_text_of(one), *map(str, getattr(one, "__notes__", ()))))


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a handler may raise an error whose __str__ fails
        return ""  # a traceback has no text of such an error either


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(rf"\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
