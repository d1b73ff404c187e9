"""The parser of the NATS protocol: what a server may say, in whatever pieces, and what it may not."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events_nats.connection.parser import Parser

STREAM = (
    b'INFO {"server_id":"x"}\r\nPING\r\n+OK\r\n'
    b"MSG a.b 1 5\r\nhello\r\n"
    b"MSG a.\x0bb 2 r.1 2\r\n\r\n\r\n"
    b"PONG\r\n-ERR 'Permissions Violation for Publish to \"\xff\"'\r\n"
    b"HMSG a 3 12 14\r\nNATS/1.0\r\n\r\nok\r\n"
    b"MSG a.\xff\xc3\xa9 1 0\r\n\r\n"
    b"MSG a." + b"x" * 5000 + b" 1 a.reply 1\r\n!\r\n"
)


@pytest.fixture(params=[False, True], ids=["nats-py", "takers"], scope="module")
def direct(request: pytest.FixtureRequest) -> bool:
    """Whether the messages go to functions, or to nats-py."""
    return bool(request.param)


class Heard:
    """Takes all in; a subscription of number 13 takes nothing."""

    def __init__(self, *, direct: bool) -> None:
        self.all: list[Any] = []
        self.parser = Parser(
            {b"%d" % sid: partial(self.take, sid) for sid in (1, 2, 3, 13)} if direct else {},
            self.message,
            ping=self.say("ping"),
            pong=self.say("pong"),
            error=self.text,
            info=self.text,
        )

    def say(self, word: str) -> Any:
        async def take() -> None:
            self.all.append(word)

        return take

    async def text(self, said: Any) -> None:
        self.all.append(said)

    async def message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.take(sid, subject.decode(), reply.decode(), data, headers)

    def take(self, sid: int, subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
        if sid == 13:
            raise ValueError("not this one")
        self.all.append((sid, subject, reply, data, headers))


EXPECTED = [
    {"server_id": "x"},
    "ping",
    (1, "a.b", "", b"hello", None),
    (2, "a.\x0bb", "r.1", b"\r\n", None),
    "pong",
    'Permissions Violation for Publish to "\\xff"',
    (3, "a", "", b"ok", b"NATS/1.0\r\n\r\n"),
    (1, "a.\\xffé", "", b"", None),
    (1, "a." + "x" * 5000, "a.reply", b"!", None),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
async def test_what_arrives_in_any_pieces_is_read_as_what_arrives_at_once(
    direct: bool, cuts: list[int]
) -> None:
    heard = Heard(direct=direct)
    ends = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(ends):
        await heard.parser.parse(STREAM[start:end])
    assert heard.all == EXPECTED


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        (b"NATS/1.0", None),
        (b"N", None),
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (b"\xff\xfe\r\n\r\n", None),
        (b"NATS/1.0 \xff\xff\xff\r\n\r\n", b"NATS/1.0 \\xff\\xff\\xff\r\n\r\n"),
        (b"NATS/1.0 503\xff", b"NATS/1.0 503\\xff"),
    ],
)
async def test_headers_that_are_none_cost_a_message_its_headers_only(
    direct: bool, headers: bytes, left: bytes | None
) -> None:
    heard = Heard(direct=direct)
    await heard.parser.parse(
        b"HMSG a 1 %d %d\r\n%sdata\r\nPING\r\n" % (len(headers), len(headers) + 4, headers)
    )
    assert heard.all == [(1, "a", "", b"data", left), "ping"]
    assert heard.parser.malformed == 1


@pytest.mark.parametrize(
    "line",
    [
        b"MSG a 13 2\r\n",
        b"MSG a b c d e 2\r\n",
        b"MSG a -1 2\r\n",
        b"MSG a %s 2\r\n" % (b"9" * 5000),
        b"HMSG a 1 40 2\r\n",
        b"HMSG a 1 2\r\n",
    ],
)
async def test_a_message_that_nobody_can_take_is_skipped_and_counted(
    direct: bool, line: bytes
) -> None:
    heard = Heard(direct=direct)
    await heard.parser.parse(line + b"xx\r\nPING\r\n")
    assert heard.all == ["ping"]
    assert heard.parser.skipped == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"INFO {\r\n",
        b"INFO " + b"[" * 100_000 + b"\r\n",
        b"MSG a 1 999999999\r\n",
        b"x" * (2 << 20),
    ],
)
async def test_bytes_that_are_no_nats_are_an_error_and_not_kept(
    direct: bool, garbage: bytes
) -> None:
    heard = Heard(direct=direct)
    with pytest.raises(nats.errors.Error):
        await heard.parser.parse(garbage)
    heard.parser.reset()
    await heard.parser.parse(b"PING\r\n")
    assert heard.all == ["ping"]
