"""Headers of a message: read as nats-py reads them, and the message id without reading the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from dms_events_nats.connection import read_headers
from dms_events_nats.delivery import NatsDelivery

NAMES = st.from_regex(r"[!-9;-~]{1,30}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n")).map(str.strip)


@given(st.dictionaries(NAMES, VALUES, min_size=1))
async def test_headers_are_those_that_nats_py_reads(headers: dict[str, str]) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    block = f"NATS/1.0\r\n{lines}\r\n".encode()
    assert read_headers(block) == headers == await Client()._process_headers(block)


@pytest.mark.parametrize(
    "block",
    [
        b"NATS/1.0 404\r\n\r\n",
        b"NATS/1.0 404 No Messages\r\n\r\n",
        b"NATS/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: 3\r\n\r\n",
        b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1016\r\nNats-Last-Stream: 1\r\n\r\n",
        b"NATS/1.0\r\nNats-Msg-Id:a\r\nother:  b  \r\n\r\n",
    ],
)
async def test_a_status_is_the_one_that_nats_py_reads(block: bytes) -> None:
    assert read_headers(block) == await Client()._process_headers(block)


@given(st.binary())
def test_whatever_a_block_holds_its_message_id_is_that_of_its_headers(rest: bytes) -> None:
    for block in (b"NATS/1.0\r\n" + rest, b"NATS/1.0\r\nNats-Msg-Id: " + rest + b"\r\n\r\n"):
        one = NatsDelivery("a", "", b"", block)
        assert one.headers is not None
        assert one.message_id == one.headers.get("Nats-Msg-Id", "")


def test_without_headers_there_is_no_message_id() -> None:
    assert NatsDelivery("a", "", b"").message_id == ""
    assert NatsDelivery("a", "", b"").headers is None
