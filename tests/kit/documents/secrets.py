"""A secret that is easy to find again, values and documents full of it, and all that an error says."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import pickle
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import inspect

from dms_events import codec, registry
from dms_events.fields import described, fields_of, parts_of
from dms_events.types._secrets import holds_secret, secret_fields
from dms_events.types.network_config import PrivateKey

__all__ = [
    "CORE",
    "HOLDERS",
    "NUMBER",
    "broken_documents",
    "document_of",
    "filled",
    "found_in",
    "said_by",
    "secret_keys",
    "wrong_values",
]

CORE = "hunter2"
NUMBER = 8675309
"""The secret, as text and as a number. In whatever form either shows, the secret is out."""
_RAW = f"-{CORE}-".encode() * 7 + b"!"
_KEY = PrivateKey(bytes([8, 1, 18, len(_RAW)]) + _RAW)
_TEXT = f"{CORE}-{NUMBER}"

HOLDERS = [name for name in registry.names() if holds_secret(registry.get(name))]


def _forms() -> set[str]:
    core = CORE.encode()
    inner = [base64.b64encode(b"\0" * n + core + b"\0" * 3).decode()[4:-6] for n in range(3)]
    assert all(len(text) >= 4 for text in inner)
    return {CORE, str(NUMBER), core.hex(), ",".join(map(str, core)), *inner}


_FORMS = _forms()


def found_in(text: str) -> list[str]:
    """The forms in which the secret stands in a text, however that is spaced."""
    squeezed = text.lower().replace(" ", "")
    return [form for form in _FORMS if form.lower() in squeezed]


def said_by(error: BaseException) -> Iterator[str]:
    """All texts of an error and of what it comes from, as tracebacks, logs and debuggers show them.

    Left out are the two attributes that hold what the caller gave: ``payload`` and ``unacknowledged``.
    """
    yield "".join(traceback.format_exception(error))
    todo: list[BaseException | None] = [error]
    seen = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield from (str(one), repr(one), repr(one.args), *map(str, one.args))
        kept = {k: v for k, v in vars(one).items() if k not in ("payload", "unacknowledged")}
        yield from map(repr, (kept, getattr(one, "object", ""), getattr(one, "__notes__", "")))
        todo += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        yield f"{again} {again!r} {again.args}"


def filled(type_: Any) -> Any:
    """A value of a type with the secret wherever one may be."""
    return _filled(inspect.type_info(type_), secret=False)


def _filled(info: inspect.Type, *, secret: bool) -> Any:  # noqa: PLR0912
    match info:
        case inspect.Metadata(type=inner, extra=extra):
            return _filled(inner, secret=secret or bool((extra or {}).get("secret")))
        case inspect.StructType(cls=cls, fields=fields):
            return cls(**{f.name: _filled(f.type, secret=False) for f in fields})
        case inspect.ListType(item_type=inner):
            return [_filled(inner, secret=secret)]
        case inspect.DictType(value_type=inner):
            return {"a": _filled(inner, secret=secret)}
        case inspect.UnionType(types=alternatives):
            return _filled(alternatives[0], secret=secret)
        case inspect.CustomType(cls=cls):
            return _KEY if cls is PrivateKey else cls("/ip4/127.0.0.1/tcp/4001")
        case inspect.StrType():
            return _TEXT if secret else "shown"
        case inspect.BytesType():
            return _TEXT.encode() if secret else b"shown"
        case inspect.EnumType(cls=cls):
            return next(iter(cls))
        case inspect.IntType():
            return 7
        case inspect.FloatType():
            return 7.5
        case inspect.BoolType():
            return True
        case inspect.DateTimeType():
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return None


def document_of(type_: Any) -> bytes:
    """The canonical document of `filled`; a private key, which has no JSON form, is null there."""
    return codec.encode(filled(type_))


_WRONG: tuple[Any, ...] = (
    *(None, True, 1.5, float("nan"), float("inf"), 10**400, -(2**70), "\ud800", b"x", bytearray(1)),
    *([1, float("nan")], (1,), {1}, {1: 2}, object(), datetime(2026, 1, 2), datetime.max, int),
)
_WRONG_SECRETS: tuple[Any, ...] = (
    *(NUMBER, 1e300 * NUMBER, -(10**90) * NUMBER, f"{CORE}\ud800", CORE, CORE.encode(), _RAW),
    *(bytearray(_RAW), [CORE], (CORE,), {CORE}, {CORE: CORE}, {"a": CORE, "b": float("nan")}),
    *([[CORE], float("nan")], Exception(CORE), _KEY, _KEY.to_base64()),
)


def wrong_values(type_: type[msgspec.Struct]) -> Iterator[Any]:
    """Values of a Struct with the secret in it, each wrong in one field at some depth."""
    secret = secret_fields(type_)
    for field in fields_of(type_):
        for wrong in (*_WRONG, *(_WRONG_SECRETS if field.attribute in secret else ())):
            yield msgspec.structs.replace(filled(type_), **{field.attribute: wrong})
        if isinstance(field.type, inspect.StructType):
            for inner in wrong_values(field.type.cls):
                yield msgspec.structs.replace(filled(type_), **{field.attribute: inner})


_NUMBERS = ",".join(map(str, _RAW))
_JSON = (
    *(
        "null",
        "true",
        "7",
        "1e999",
        "-1",
        "1.5",
        '"x"',
        '"\\ud800"',
        '"\\x"',
        '"\n"',
        '"',
        "[]",
        "[[1]]",
    ),
    *("{}", '{"a":{"b":["c"]}}', "[" * 2_000 + "]" * 2_000, "NaN", "-Infinity", "7x"),
    *('"2025-13-01T00:00:00Z"', "'x'", '"x" "y"', "[256]", '"AQI"'),
)
_SECRET_JSON = (
    *(
        str(NUMBER),
        f"{NUMBER}e400",
        f'"{CORE}"',
        f'["{CORE}"]',
        f'{{"{CORE}":"{CORE}"}}',
        f"[{NUMBER}]",
    ),
    *(f'{{"a":"{CORE}","b":{{"c":["{CORE}"]}}}}', f"[[{NUMBER}]]", f"[{_NUMBERS},{NUMBER}]"),
    *("[" * 2_000 + f'"{CORE}"' + "]" * 2_000, f'"{CORE}\\ud800"'),
    *(f'"{CORE}\\x"', f'"{CORE}\n"', f'"{CORE}', CORE, f"'{CORE}'", f"NaN,{CORE}", f"{NUMBER}x"),
    *(f'"{base64.b64encode(_RAW).decode()}"', f"[{_NUMBERS}]", f'"{CORE}" "{CORE}"'),
)


_TOO_DEEP = b"[" * 20_000
"""Go refuses it before it looks at keys and types, so one form of it for each key is enough."""


def secret_keys(type_: type[msgspec.Struct]) -> set[str]:
    """The wire keys of the secret fields of a Struct, and of those in it."""
    found: set[str] = set()
    for part in parts_of(described(type_)):
        if isinstance(part, inspect.StructType):
            secret = secret_fields(part.cls)
            found |= {f.key for f in fields_of(part.cls) if f.attribute in secret}
    return found


def broken_documents(type_: type[msgspec.Struct]) -> Iterator[bytes]:
    """Documents of a type with the secret in them, most of them broken in one place."""
    whole = document_of(type_)
    core = CORE.encode()
    secret = secret_keys(type_)
    yield whole
    yield from (whole[:end] for end in range(len(whole)))
    yield from (whole + end for end in (b"x", core, b'"' + core + b'"', whole, b"}"))
    for bad in (
        b"\xff",
        b"\xed\xa0\x80",
        b"\x00",
        b"\n",
        b"\\",
        b'"',
        b"\\u",
        b"\\ud800",
        b"{",
        b"]",
    ):
        yield whole.replace(core, core + bad + core, 1)
        yield whole.replace(core, core + bad + core, 1) + b"x"
        yield whole.replace(core, bad, 1)
        yield bad + whole
        yield whole + bad
    for start, middle, end in _members(whole):
        key, value = whole[start:middle], whole[middle:end]
        is_secret = key.decode()[1:-2] in secret
        for other in (*_JSON, *(_SECRET_JSON if is_secret else ())):
            text = other.encode()
            for name in (key, key.swapcase()):
                yield whole[:start] + name + text + whole[end:]
            yield whole[:end] + b"," + key + text + whole[end:]  # it comes again
            yield whole[:start] + key + text + b"," + whole[start:]
        yield whole[:start] + key + _TOO_DEEP + b'"' + core + b'"' + whole[end:]
        unknown = b'"x_' + key[1:]
        yield whole[:start] + unknown + value + whole[end:]
        yield whole[:start] + unknown + b'"' + core + b'",' + whole[start:]
        with contextlib.suppress(ValueError):
            yield whole[:start] + whole[end:].removeprefix(b",")


def _members(whole: bytes) -> list[tuple[int, int, int]]:
    """Where each ``"key":value`` lies: its begin, the value's begin, its end."""
    decoder, text = json.JSONDecoder(), whole.decode()
    found, place = [], text.find('":')
    while place >= 0:
        _, end = decoder.raw_decode(text, place + 2)
        found.append((text.rfind('"', 0, place), place + 2, end))
        place = text.find('":', place + 1)
    return found
