"""Documents made to hang a reader or to fill its memory.

``python -m tests.kit.documents.hostile KIND SIZE`` reads each document of that kind, also strictly. It
prints its type, whether strictly, its size, the most memory that reading it took, and whether it was read
or refused.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator

from dms_events import DecodeError, codec, registry
from dms_events.dead_letters.letter import decode_dead_letter
from dms_events.envelope import decode_envelope

__all__ = ["MANY", "PACKED", "REPEATED", "WHOLE"]

_MOST = 4 << 30
"""Bytes of memory that a process may ask for: who wants more fails, before the machine suffers."""

Make = Callable[[int], bytes]
"""Makes something of about so many bytes."""


def _many(open_: bytes, item: bytes, close: bytes) -> Make:
    """The item as often as there is room; each ``%d`` in it is its number."""

    def make(size: int) -> bytes:
        number = max(1, size // (len(item) + 1))
        if b"%d" not in item:
            return open_ + (item + b",") * (number - 1) + item + close
        items = bytearray(item % 0)
        for n in range(1, number):
            items += b"," + item % n
        return open_ + items + close

    return make


def _again(first: bytes, then: bytes) -> Make:
    """An object of members; the unknown one has it take the slow path."""

    def make(size: int) -> bytes:
        half = _many(b"", first, b"")(size // 2)
        return b'{"x":0,' + half + b"," + _many(b"", then, b"}")(size // 2)

    return make


def _shrinking(key: bytes, item: bytes) -> Make:
    """A long array, and then a short one under the same key as often as there is room."""

    def make(size: int) -> bytes:
        long = _many(b'"%s":[' % key, item, b"]")(size // 2)
        return b'{"x":0,' + long + b"," + _many(b"", b'"%s":[%s]' % (key, item), b"}")(size // 2)

    return make


WHOLE: dict[str, Make] = {
    "deep arrays": lambda size: b"[" * size,
    "deep objects": lambda size: b'{"a":' * (size // 5),
    "deep and closed": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "as deep as Go takes": lambda size: b"[" * 9_990 + b"]" * 9_990,
    "a long integer": lambda size: b"9" * size,
    "a long negative integer": lambda size: b"-" + b"9" * size,
    "a long fraction": lambda size: b"0." + b"3" * size,
    "a great exponent": lambda size: b"1e999999999",
    "a small exponent": lambda size: b"1e-999999999",
    "a long exponent": lambda size: b"1e" + b"9" * size,
    "zeros and an exponent": lambda size: b"0." + b"0" * size + b"1e%d" % size,
    "a midpoint of many digits": lambda size: b"16777217." + b"0" * size + b"1",
    "a huge string": lambda size: b'"' + b"a" * size + b'"',
    "a huge string of wide letters": lambda size: b'"' + "\U0001f680".encode() * (size // 4) + b'"',
    "a huge string with one wide letter": lambda size: b'"' + b"a" * size + b'\xf0\x9f\x9a\x80"',
    "lone surrogates": lambda size: b'"' + b"\\ud800" * (size // 6) + b'"',
    "escaped letters": lambda size: b'"' + b"\\u0041" * (size // 6) + b'"',
    "bad bytes": lambda size: b'"' + b"\xff" * size + b'"',
    "backslashes": lambda size: b'"' + b"\\" * size + b'"',
    "an open string": lambda size: b'"' + b"a" * size,
    "spaces": lambda size: b" " * size,
    "a long time": lambda size: b'"2025-01-15T01:10:16.' + b"1" * size + b'Z"',
    "almost times": lambda size: b'"2025-01-15T01:10:16' * (size // 20),
    "half a base64": lambda size: b'"' + b"AQ=\\n" * (size // 5) + b'"',
    "a long multiaddr": lambda size: b'"' + b"/ip4/127.0.0.1" * (size // 14) + b'"',
    "a long base58": lambda size: b'"/p2p/1' + b"z" * size + b'"',
    "a long key": lambda size: b'{"' + b"k" * size + b'":0}',
    "a long key of wide letters": lambda size: b'{"' + "\u017f".encode() * (size // 2) + b'":0}',
}
"""One value of one piece."""

MANY: dict[str, Make] = {
    "digits": _many(b"[", b"7", b"]"),
    "numbers": _many(b"[", b"12", b"]"),
    "fractions": _many(b"[", b"1.5", b"]"),
    "strings": _many(b"[", b'"ab"', b"]"),
    "nulls": _many(b"[", b"null", b"]"),
    "empty arrays": _many(b"[", b"[]", b"]"),
    "empty objects": _many(b"[", b"{}", b"]"),
    "small objects": _many(b"[", b'{"a":1}', b"]"),
    "keys": _many(b"{", b'"k%d":0', b"}"),
    "keys of wide letters": _many(b"{", '"\u017f%d":0'.encode(), b"}"),
    "the same key": _many(b"{", b'"k":0', b"}"),
}
"""One value of very many small ones."""

REPEATED: dict[str, tuple[str, Make]] = {
    "a number": ("machine.Gpu", _many(b"{", b'"TOT_VRAM":1', b"}")),
    "a number, in another case": ("machine.Gpu", _again(b'"TOT_VRAM":1', b'"tot_vram":2')),
    "a map that grows": ("spec_config.SpecConfig", _again(b'"params":{"a%d":0}', b'"params":{}')),
    "a slice that shrinks": (
        "network_config.PrivateNetworkConfig",
        _shrinking(b"ACL", b"null"),
    ),
    "a slice of structs that shrinks": ("machine.PeerData", _shrinking(b"gpu_info", b"{}")),
    "empty structs": (
        "machine.PeerData",
        lambda size: b'{"services":%s}' % MANY["empty objects"](size),
    ),
    "bytes that shrink": ("network_config.MessageEnvelope", _shrinking(b"Data", b"1")),
    "bytes that stay": ("network_config.MessageEnvelope", _again(b'"Data":[1]', b'"Data":[null]')),
    "a struct": ("machine.Machine", _again(b'"peer_info":{}', b'"peer_info":{"A":1}')),
    "slices in a struct": (
        "network_config.NetworkConfig",
        _again(b'"PrivateNetwork":{"ACL":[null,null]}', b'"PrivateNetwork":{"ACL":[null]}'),
    ),
    "structs in a slice": (
        "resource.RequiredResources",
        _again(b'"gpu":[{"index":1},{},{}]', b'"gpu":[null]'),
    ),
}
"""A key of a type that comes again and again."""

_ALL = b"\xff\xff\xff\xff"
PACKED: dict[str, Make] = {
    "a text that claims 4 GB": lambda size: b"\x81\xa4Type\xdb" + _ALL + b"a" * size,
    "bytes that claim 4 GB": lambda size: b"\x81\xa4Data\xc6" + _ALL + b"a" * size,
    "an array that claims 4 G items": lambda size: b"\x81\xa1x\xdd" + _ALL + b"\xc0" * size,
    "a map that claims 4 G members": lambda size: b"\xdf" + _ALL + b"\xa1x\xc0" * (size // 3),
    "an extension that claims 4 GB": lambda size: b"\x81\xa1x\xc9" + _ALL + b"\x01" * size,
    "packed deep arrays": lambda size: b"\x81\xa1x" + b"\x91" * size,
    "packed deep maps": lambda size: b"\x81\xa1x" * (size // 3),
    "the same packed key": lambda size: (
        b"\xdf" + (size // 7).to_bytes(4) + b"\xa4Type\xa1x" * (size // 7)
    ),
}
"""MessagePack, for the envelope and the dead letter."""

_TARGETS = (
    ("spec_config.SpecConfig", b'{"params":{"k":%s}}'),  # an any
    ("spec_config.SpecConfig", b'{"x":0,"params":{"k":%s}}'),  # an any, on the slow path
    ("machine.Gpu", b'{"TOT_VRAM":%s}'),  # an int
    ("elk_stats.ServiceRemove", b'{"timestamp":%s}'),  # a float32
    ("onboarding.Provisioned", b'{"CPU":%s}'),  # a float64
    ("types.BaseDBModel", b'{"createdat":%s}'),  # a time
    ("network_config.MessageEnvelope", b'{"data":%s}'),  # bytes
    ("firecracker.MMDSConfig", b'{"unknown":%s}'),  # nothing
    ("network_config.PrivateNetworkConfig", b'{"acl":[%s]}'),  # a multiaddr
    ("machine.IP", b"%s"),  # bytes, alone
)
"""Places for a value."""

Read = Callable[[bytes, bool], object]
"""Reads a document, strictly or not."""


def _documents(kind: str, size: int) -> Iterator[tuple[str, Read, bytes]]:
    if kind in REPEATED:
        name, make = REPEATED[kind]
        yield name, _reader(name), make(size)
        return
    if kind in PACKED:
        data = PACKED[kind](size)
        yield "Envelope", lambda data, strict: decode_envelope(data), data
        yield "DeadLetter", lambda data, strict: decode_dead_letter(data), data
        return
    value = (WHOLE | MANY)[kind](size)
    for name, around in _TARGETS:
        yield name, _reader(name), around % value
    envelope = b'{"Type":"x.Y","ID":%s}' % value
    yield "Envelope", lambda data, strict: decode_envelope(data), envelope


def _reader(name: str) -> Read:
    type_ = registry.get(name)
    return lambda data, strict: codec.decode(data, type_, strict=strict)


def _measured(read: Read, data: bytes, strict: bool) -> tuple[int, str]:
    """How much memory of the system a process takes to read it, and how that ends."""
    ours, theirs = os.pipe()
    if child := os.fork():
        os.close(theirs)
        with os.fdopen(ours) as answer:
            said = answer.read()
        os.waitpid(child, 0)
        peak, outcome = json.loads(said)
        return peak, outcome
    before = _most_memory()
    outcome = _outcome(read, data, strict)
    os.write(theirs, json.dumps([_most_memory() - before, outcome]).encode())
    os._exit(0)


def _most_memory() -> int:
    """The most that this process has had, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _outcome(read: Read, data: bytes, strict: bool) -> str:
    try:
        read(data, strict)
    except DecodeError:
        return "refused"
    return "read"


def _main(kind: str, size: int) -> None:
    if sys.platform != "darwin":  # where a process cannot be held back so
        resource.setrlimit(resource.RLIMIT_AS, (_MOST, _MOST))
    for name, read, data in _documents(kind, size):
        _outcome(read, b'{"x":0}', True)  # what is made once for a type is no part of the measure
        for strict in (False, True):
            peak, outcome = _measured(read, data, strict)
            print(json.dumps([name, strict, len(data), peak, outcome]), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
