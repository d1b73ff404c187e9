"""Documents that are nearly right: canonical ones, damaged in the ways that decoders disagree about."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence

from .golden import Vector

__all__ = ["mutated"]

_VALUES = (
    *("null", "true", "0", "-0", "-1", "1.0", "5.0", "1e3", "1E-400", "1e400", "01", "+1", "NaN"),
    *("9007199254740993", "18446744073709551615", "18446744073709551616", "-9223372036854775809"),
    *("2147483648", "3.4028235e38", "3.5e38", "16777217.000000001", "9" * 400, "-0.0", "0.1"),
    *('""', '"x"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\ude00\\ud83d"', '"\\u0041"', '"a\\/b"'),
    *('"AQID"', '"AQI"', '"A\\nQ=="', '"YR=="', '"_-8="', "[1,2]", "[256]", "[null]", '["x"]'),
    *('"2025-01-15T01:10:16Z"', '"2025-01-15t01:10:16z"', '"2025-01-15 01:10:16Z"'),
    *('"2025-01-15T1:10:16,25+05:60"', '"2025-01-15T01:10:16+0530"', '"2025-01-15T01:10:16"'),
    *(
        '"2025-02-29T00:00:00Z"',
        '"2025-01-15T01:10:16.1234567891-23:59"',
        '"2025\\u002d01-15T01:10:16Z"',
    ),
    *("[]", "{}", "[[]]", '{"a":1}', '{"a":1,"a":{"b":null}}', "[{}]", "[null,{}]", '{"":[]}'),
    *('"/ip4/127.0.0.1/tcp/4001"', '"\u017f\u212a"', "\ufeff1", "/**/1", "'a'", "tru", '"\t"'),
)
_BYTES = (
    b"\xff",
    b"\xed\xa0\x80",
    b"\xc3",
    b"\xe2\x82",
    b"\x00",
    b"\\",
    b'"',
    b",",
    b"}",
    b"]",
    b"{",
    b"[",
    b":",
)


def mutated(vectors: Sequence[Vector], count: int, seed: int) -> Iterator[Vector]:
    """As many mutations of the vectors' documents, the same for the same seed."""
    dice = random.Random(seed)
    for number in range(count):
        vector = dice.choice(vectors)
        data = vector.data
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            data = dice.choice(_MUTATIONS)(dice, data)
        yield Vector(f"{vector.id}#{seed}.{number}", vector.go_type, data, None)


def _members(data: bytes) -> list[tuple[int, int, int, int]]:
    """Where each ``"key":value`` of a document lies: key and value, begin and end."""
    text = data.decode("latin-1")
    found, decoder = [], json.JSONDecoder(strict=False)
    start = text.find('":')
    while start >= 0:
        key, value = text.rfind('"', 0, start), start + 2
        try:
            _, end = decoder.raw_decode(text, value)
        except (ValueError, RecursionError):
            end = value
        if key >= 0 and end > value:
            found.append((key, start + 1, value, end))
        start = text.find('":', start + 1)
    return found


def _another_value(dice: random.Random, data: bytes) -> bytes:
    if not (members := _members(data)):
        return dice.choice(_VALUES).encode()
    _, _, start, end = dice.choice(members)
    return data[:start] + dice.choice(_VALUES).encode() + data[end:]


def _another_key(dice: random.Random, data: bytes) -> bytes:
    if not (members := _members(data)):
        return data
    start, end, _, _ = dice.choice(members)
    return data[:start] + _form_of(dice, data[start:end]) + data[end:]


def _form_of(dice: random.Random, key: bytes) -> bytes:
    text = key.decode("utf-8", "replace")
    forms = [text, text.upper(), text.lower(), text.swapcase(), text.replace("s", "\u017f")]
    forms += [text.replace("k", "\u212a"), text.replace("i", "\u0131"), '"x"', f'" {text[1:]}']
    forms.append(f'"\\u{ord(text[1]):04x}{text[2:]}' if len(text) > 2 else text)
    return dice.choice(forms).encode()


def _key_again(dice: random.Random, data: bytes) -> bytes:
    """One more of a member: behind it, or at the end of the document, in some form, with some value."""
    if not (members := _members(data)):
        return data
    start, middle, value, end = dice.choice(members)
    others = [m for m in members if m[0] != start and data[m[0] : m[1]] == data[start:middle]]
    again = data[value:end]
    if others and dice.random() < 0.5:
        again = data[others[0][2] : others[0][3]]
    elif dice.random() < 0.6:
        again = _another_value(dice, again)
    if dice.random() < 0.2:
        again = dice.choice(_VALUES).encode()
    member = _form_of(dice, data[start:middle]) if dice.random() < 0.4 else data[start:middle]
    return data[:end] + b"," + member + b":" + again + data[end:]


def _less(dice: random.Random, data: bytes) -> bytes:
    if not (members := _members(data)):
        return data[:-1]
    start, _, _, end = dice.choice(members)
    return data[:start] + data[end:].removeprefix(b",")


def _noise(dice: random.Random, data: bytes) -> bytes:
    place = dice.randrange(len(data) + 1)
    noise = dice.choice((*_BYTES, bytes([dice.randrange(256)])))
    return data[:place] + noise + data[place + dice.randrange(2) :]


def _cut(dice: random.Random, data: bytes) -> bytes:
    start, end = sorted(dice.randrange(len(data) + 1) for _ in "12")
    return data[:start] if dice.random() < 0.3 else data[:start] + data[end:]


def _around(dice: random.Random, data: bytes) -> bytes:
    extra = dice.choice((b" ", b"\r\n\t", b"\xef\xbb\xbf", b"x", b"null", b"{}", b",", b"\x0c"))
    return extra + data if dice.random() < 0.5 else data + extra


def _nested(dice: random.Random, data: bytes) -> bytes:
    deep = (998, 9_998, 9_999, 10_000) if dice.random() < 0.03 else (1, 2, 3, 100)
    depth = dice.choice(deep)
    value = b"[" * depth + b"]" * depth
    if not (members := _members(data)):
        return value
    start, _, value_start, end = dice.choice(members)
    if dice.random() < 0.5:
        return data[:start] + b'"x":' + value + b"," + data[start:]
    return data[:value_start] + value + data[end:]


_MUTATIONS = (
    *(_another_value, _another_value, _another_value, _another_key, _key_again, _key_again),
    *(_key_again, _less, _noise, _cut, _around),
    _nested,
)
