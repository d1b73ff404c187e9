"""``dms-events explain``: explain how a document is read."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from .. import codec, registry
from ..codec.explain import Explanation
from ..codec.explain import explain as explained
from ..codec.explain.explain import Note
from ..envelope import Envelope, decode_envelope
from ..errors import ConfigError, DecodeError, EncodeError, UnknownTypeError
from ._shared import RevealOption, guarded, out, print_columns, visible, visible_json

__all__ = ["explain"]

_ABOUT = "id", "source", "time"
_SHOWN = 20
"""Most places shown for a rule; the others are only counted."""


def explain(
    type_: Annotated[
        str, typer.Argument(metavar="TYPE", help="Type of the document, such as ServiceCall.")
    ],
    file: Annotated[
        str,
        typer.Argument(
            metavar="JSON | FILE | -",
            help="The document: JSON that begins with { or [, a file, or standard input (-).",
        ),
    ] = "-",
    reveal: RevealOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print the explanation as JSON.")] = False,
) -> None:
    """Explain how a JSON document is read, and whether Go reads the same.

    The output says whether the fast path or the slower Go decoder read the document, which rules of Go
    were applied and where, and which value came out. If the document is refused, the command ends with
    the error and exit code 1. If the document is an envelope with an event of the type, the event is
    explained.
    """
    name = registry.resolve(type_)
    data = _content(file)
    envelope = _envelope_of(name, data, file)
    explanation = explained(envelope.data if envelope else data, registry.get(name))
    if json:
        out.print(_json(explanation, envelope, reveal), markup=False)
    else:
        _print(explanation, envelope, len(data), reveal)
    if explanation.error:
        raise explanation.error


def _content(file: str) -> bytes:
    if file.lstrip().startswith(("{", "[")):
        return file.encode(errors="surrogateescape")
    if file == "-" and sys.stdin is None:
        raise ConfigError("-", "standard input is closed; give the JSON, or a file")
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(file, error.strerror or str(error)) from error


def _envelope_of(name: str, data: bytes, file: str) -> Envelope | None:
    """Return the envelope in the data if it holds an event of that type; else None."""
    try:
        envelope = decode_envelope(data)
        held = registry.resolve(envelope.type)
    except (DecodeError, UnknownTypeError):
        return None
    if held != name and data[:1] > b"\x7f":
        raise ConfigError(file, f"is an envelope of {held}, not of {name}")
    return envelope if held == name else None


def _print(explanation: Explanation, envelope: Envelope | None, size: int, reveal: bool) -> None:
    if envelope:
        out.print(f"an envelope of {size:,} bytes{_about(envelope)}", markup=False)
    verdict = "refused" if explanation.error else "read"
    path = "Go decoder" if explanation.fast_path_says else "fast path"
    out.print(f"{explanation.type}, {explanation.size:,} bytes: {verdict} by the {path}")
    if explanation.fast_path_says:
        said = visible(explanation.fast_path_says)
        out.print(f"the fast path says: {said}", markup=False)
    _print_notes("rule", explanation.rules)
    _print_notes("Go differs", explanation.differences)
    out.print()
    if not explanation.error:
        strict = explanation.strict_error
        out.print(f"strict  {_refusal(strict) if strict else 'reads it too'}", markup=False)
    out.print(f"Go      {_go(explanation, reveal)}", markup=False)
    if not explanation.error:
        out.print(f"value   {_text(explanation, explanation.value, reveal)}", markup=False)


def _about(envelope: Envelope) -> str:
    said = {name: getattr(envelope, name) for name in _ABOUT}
    return visible("".join(f", {name} {text}" for name, text in said.items() if text))


def _print_notes(title: str, notes: Sequence[Note]) -> None:
    shown, count = [], Counter[str]()
    for note in notes:
        count[note.rule] += 1
        if count[note.rule] <= _SHOWN:
            shown.append((note.rule, visible(note.where) or "(the document)", note.effect))
    shown += [(rule, f"{n - _SHOWN:,} more", "") for rule, n in count.items() if n > _SHOWN]
    if shown:
        out.print()
        print_columns([(title, "where", "effect"), *shown])


def _refusal(error: DecodeError) -> str:
    return visible(f"refuses it: {error.path}: {error.reason}".replace(": : ", ": "))


def _go(explanation: Explanation, reveal: bool) -> str:
    if explanation.go_error:
        also = " too" if explanation.error else ""
        return visible(f"refuses it{also}: {explanation.go_error}")
    if explanation.go_value is None:
        return "accepts the part that is refused here; the rest was not checked"
    if explanation.go_value is explanation.value:
        return "reads the same" + (
            ", except for the differences above" if explanation.differences else ""
        )
    return f"reads {_text(explanation, explanation.go_value, reveal)}"


def _text(explanation: Explanation, value: Any, reveal: bool) -> str:
    shown = _written(explanation, value, reveal)
    return visible(shown) if isinstance(shown, str) else visible_json(bytes(shown).decode())


def _written(explanation: Explanation, value: Any, reveal: bool) -> msgspec.Raw | str:
    """Return a value as the library writes it, or the reason why it is not shown."""
    try:
        written = codec.encode(value)
    except EncodeError as error:
        return f"cannot be written again: {error.reason}"
    return guarded(explanation.type, "", reveal) or msgspec.Raw(written)


def _json(explanation: Explanation, envelope: Envelope | None, reveal: bool) -> str:
    fields: dict[str, Any] = {"envelope": None}
    if envelope:
        fields["envelope"] = {name: getattr(envelope, name) for name in _ABOUT}
    for name in explanation.__struct_fields__:
        fields[name] = found = getattr(explanation, name)
        if isinstance(found, DecodeError):
            fields[name] = {"path": found.path, "reason": found.reason}
        elif name in ("value", "go_value") and found is not None:
            fields[name] = _written(explanation, found, reveal)
    return visible_json(msgspec.json.encode(fields).decode())
