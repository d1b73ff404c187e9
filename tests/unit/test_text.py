"""What strangers wrote is escaped where it is shown, and never altered otherwise."""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dms_events
from dms_events.text import Lines, visible, visible_json

HOSTILE = {
    "ESC": "\x1b[2J",
    "C1": "\x9b31m",
    "bidi": "\u202egnp.exe\u2066",
    "line break": "\n2026-11-27 00:00:00 INFO dms_events: all is well",
    "carriage return": "\rgone",
    "line separator": "\u2028fake",
    "half a character": "\udcff",
    "a tag beyond 16 bits": "\U000e0041",
    "DEL": "\x7f",
}
HARMLESS = ["2001:db8:a:b::1", "[bold]x[/bold]", ":smile:", "größer ✓ 🚀", "a\\x1b", "  "]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_would_move_a_terminal_is_escaped(text: str) -> None:
    for shown in (visible(f"a{text}b"), visible_json(f"a{text}b")):
        assert shown.isprintable()
        assert shown.startswith("a\\")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_can_be_seen_is_not_altered(text: str) -> None:
    assert visible(text) == visible_json(text) == text


@given(st.text())
def test_escaped_json_means_the_same(text: str) -> None:
    written = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert written.isprintable()
    assert json.loads(written) == {text: [text]}


def logged(template: str, *args: object, error: BaseException | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger(dms_events.__name__)
    logger.addHandler(handler)
    try:
        logger.warning(template, *args, exc_info=error)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_log_line_is_one_line_whatever_it_quotes(text: str) -> None:
    line = logged("%s is %r of %d", f"a{text}b", ValueError(text), 7)
    assert line.endswith("of 7\n")
    assert line[:-1].isprintable()
    assert line.startswith("WARNING a\\")


def test_a_log_line_shows_numbers_and_plain_text_as_they_are() -> None:
    assert logged("%s %.1f %5d %r", "plain: [x]", 1.25, 42, {"a": 1}) == (
        "WARNING plain: [x] 1.2    42 {'a': 1}\n"
    )


def test_a_log_line_has_lines_where_they_are_our_own() -> None:
    assert logged("it stands at\n%s", Lines("one\ntwo")) == "WARNING it stands at\none\ntwo\n"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_traceback_keeps_its_lines_and_gets_none_of_an_errors_text(text: str) -> None:
    try:
        try:
            raise KeyError(text)
        except KeyError as cause:
            cause.add_note(f"note{text}")
            raise ValueError(f"bad{text}") from cause
    except ValueError as error:
        lines = logged("it raised", error=error).splitlines()
    assert lines[0] == "WARNING it raised"
    assert all(line.isprintable() for line in lines)
    assert lines[-1].startswith("ValueError: bad\\")
    assert lines.count("Traceback (most recent call last):") == 2
    assert not [line for line in lines if line.startswith("2026-11-27")]
