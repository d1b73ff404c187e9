"""Explain how a document is read: the path, the rules of Go, and the places where Go differs.

All statements are observed. The document is read as `codec.decode` reads it, and once more by the Go
decoder with traced readers. The value that they return is Go's, except for the classes of deviations that
``tests/golden/deviations.json`` names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from ... import registry
from ...errors import DecodeError
from .. import codec
from ..fast import typed_reader
from ..go import read
from .readers import TracedReaders
from .trace import ONE_COUNTS, Note, Trace

__all__ = ["Explanation", "Note", "explain"]

_REJECTED_BY_GO = {
    "not an RFC 3339 time": "lenient-time",
    "the time's offset is out of range": "lenient-time",
    "expected uint64, got -0": "minus-zero",
}
"""Reasons of the Go decoder to refuse a document that the fast path read, with the deviation's class."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Observations while a document was read. The repr shows no secret that a type declares."""

    type: str
    """Registry name."""
    size: int
    """Bytes of the document."""
    fast_path_says: str
    """The reason why the fast path refuses the document; empty if it read the document."""
    rules: tuple[Note, ...]
    """Go's rules that were applied beyond canonical reading; for a refused document, up to the fault."""
    value: Any
    """The result of `codec.decode`; None if it raises."""
    error: DecodeError | None
    """The error that `codec.decode` raises; None if it returns."""
    strict_error: DecodeError | None
    """The error that it raises with ``strict=True``; None if it returns."""
    go_value: Any
    """Go's result, as a value of the same type; None if Go refuses, or its result is not known."""
    go_error: str
    """The place and reason why Go refuses the document; empty if it does not, or that is not known."""
    differences: tuple[Note, ...]
    """Places where Go reads differently, by class of deviation, and values its float32 cannot hold."""


class _Outcome(NamedTuple):
    value: Any
    error: DecodeError | None


def explain(data: bytes, type: Any) -> Explanation:
    """Explain how `codec.decode` reads or refuses ``data``, and how Go does.

    This reads the document four times and is meant for people: use `codec.decode` to read.

    Raises:
        UnknownTypeError: ``type`` is not in the registry.
    """
    name = registry.name_of(type)
    trace = Trace()
    ours = _outcome(partial(codec.decode, data, type))
    fail = partial(_refusal, name, data)
    looked = _outcome(partial(read, data, type, fail, TracedReaders(trace).tools))
    fast_path_says = _fast_path_says(data, type)
    go = _go(ours, looked, trace, on_fast_path=not fast_path_says)
    return Explanation(
        type=name,
        size=len(data),
        fast_path_says=fast_path_says,
        rules=tuple(dict.fromkeys(trace.rules)),
        value=ours.value,
        error=ours.error,
        strict_error=_outcome(partial(codec.decode, data, type, strict=True)).error,
        go_value=go.value,
        go_error=go.error,
        differences=tuple(dict.fromkeys(go.differences)),
    )


class _Go(NamedTuple):
    value: Any
    error: str
    differences: list[Note]


def _go(ours: _Outcome, looked: _Outcome, trace: Trace, *, on_fast_path: bool) -> _Go:
    """Return Go's result: that of our Go decoder, except where it deviates from Go on purpose."""
    names = {note.rule: note for note in reversed(trace.go)}
    if looked.error:
        where, reason = looked.error.path, looked.error.reason
        if "beyond-datetime" in names:
            return _Go(None, "", [names["beyond-datetime"]])
        refusal = f"{where}: {reason}" if where else reason
        if ours.error:
            return _Go(None, refusal, [])
        name = _REJECTED_BY_GO.get(reason, "repeated-key")
        return _Go(None, refusal, [Note(name, where, f"Go refuses it: {reason}")])
    if "multiaddr" in names:
        note = names["multiaddr"]
        return _Go(None, f"{note.where}: {note.effect}", trace.go)
    if not on_fast_path or looked.value == ours.value:
        return _Go(ours.value, "", trace.go)
    return _Go(looked.value, "", [*_differing(trace), *trace.go])


def _differing(trace: Trace) -> list[Note]:
    """Return the reasons why the fast path read another value."""
    merged = [n for n in trace.rules if n.rule == "repeated key" and n.effect != ONE_COUNTS]
    effect = "Go does so; here it replaces the one before"
    return [Note("repeated-key", note.where, effect) for note in merged] or [
        Note("float32-midpoint", "", "Go rounds a decimal once; here it became a double first")
    ]


def _fast_path_says(data: bytes, type_: Any) -> str:
    try:
        typed_reader(type_)(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return str(error) or "an integer is out of the range of uint64, or of float64"
    return ""


def _outcome(decode: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(decode(), None)
    except DecodeError as error:
        return _Outcome(None, error)


def _refusal(name: str, data: bytes, path: str, reason: str) -> DecodeError:
    return DecodeError(name, path, reason, data)
