"""What a dead letter says of its message: attempts, times, headers, the error; and no secret."""

from __future__ import annotations

import asyncio
import base64

import msgspec
import pytest

from dms_events import Bus
from dms_events.transport import SubscriptionSpec
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, buried, call, collect, letters

DURABLE = pytest.mark.promised("acknowledges")


def envelope(type_name: str, data: bytes, **more: str) -> bytes:
    return msgspec.json.encode({"Type": type_name, "Data": base64.b64encode(data).decode(), **more})


async def publish_raw(place: Place, headers: bytes, data: bytes) -> None:
    """Publish with header bytes that nats-py would not write."""
    host, _, port = place.url.removeprefix("nats://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = b"NATS/1.0\r\n" + headers + b"\r\n"
    subject = f"{place.root}.events.elk_stats.ServiceCall._".encode()
    sizes = b"%d %d" % (len(head), len(head) + len(data))
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n')
    writer.write(b"HPUB %s %s\r\n%s%s\r\nPING\r\n" % (subject, sizes, head, data))
    async with asyncio.timeout(10):
        while (line := await reader.readline()) != b"PONG\r\n":
            assert line.startswith(b"INFO"), line
    writer.close()
    await writer.wait_closed()


@DURABLE
async def test_a_reader_that_counts_attempts_says_so(bus: Bus) -> None:
    await bus.publish(call())
    first, last = "2026-11-23T20:00:00Z", "2026-11-23T21:00:00Z"
    letter = await buried(bus, attempts=6, first=first, last=last)
    assert (letter.attempts, letter.first_failed, letter.last_failed) == (6, first, last)
    assert (letter.error, letter.reason) == ("ValueError", "the handler is broken")
    assert letter.buried > last


@DURABLE
async def test_what_failed_at_once_failed_first_and_last_when_it_was_buried(bus: Bus) -> None:
    await bus.publish(call())
    letter = await buried(bus)
    assert letter.attempts == 1
    assert letter.first_failed == letter.last_failed == letter.buried


@DURABLE
async def test_when_it_first_failed_is_not_made_up(bus: Bus) -> None:
    await bus.publish(call())
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        [message] = await collect(messages, 1, ack=False)
        await message.nak()
    letter = await buried(bus, ServiceCall)
    assert letter.attempts > 1
    assert (letter.first_failed, letter.last_failed) == ("", letter.buried)


@pytest.mark.only("nats")
async def test_the_headers_are_kept_whatever_bytes_they_are(place: Place, bus: Bus) -> None:
    headers = (
        b"Nats-Msg-Id: mine\r\nX-Trace: a: b\r\nX-Odd: caf\xe9 \xff\r\nX-Long: "
        + b"y" * 900
        + b"\r\n"
        + b"".join(b"X-%d: %s\r\n" % (n, b"z" * 200) for n in range(30))
    )
    await publish_raw(place, headers, bus.prepare(call()).data)
    letter = await buried(bus)
    assert letter.headers["Nats-Msg-Id"] == "mine"
    assert letter.headers["X-Trace"] == "a: b"
    assert letter.headers["X-Odd"].startswith("caf")
    assert letter.headers["X-Long"] == "y" * 300
    assert 7 < len(letter.headers) < 15
    assert set(letter.headers) >= {"X-0", "X-5"}


@DURABLE
async def test_a_letter_says_that_nothing_was_beside_the_payload(place: Place, bus: Bus) -> None:
    await place.put(bus.prepare(call()).data, "elk_stats.ServiceCall")
    assert (await buried(bus)).headers == {}


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("even this fails")


@DURABLE
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Speechless(), "the error has no text: its __str__ fails"),
        (ValueError("\udcff half a character"), "\\udcff half a character"),
        (ValueError("x" * 10_000), "x" * 300),
        (KeyError(), ""),
    ],
)
async def test_no_error_keeps_its_message_from_being_buried(
    bus: Bus, error: Exception, reason: str
) -> None:
    await bus.publish(call())
    letter = await buried(bus, error=error)
    assert (letter.error, letter.reason) == (type(error).__name__, reason)


SECRET = b'{"private_key":"SECRET","mnemonic":"SECRET"}'
HOLDER = "onboarding.BlockchainAddressPrivKey"


@DURABLE
@pytest.mark.parametrize(
    ("named", "subject"),
    [
        (HOLDER, HOLDER),
        ("BlockchainAddressPrivKey", HOLDER),
        (HOLDER, "elk_stats.ServiceCall"),
        ("/dms/keys/1.0", "nobody.Knows"),
    ],
)
async def test_a_reason_may_quote_a_secret_and_is_withheld(
    place: Place, named: str, subject: str
) -> None:
    async with place.connect(aliases={"/dms/keys/1.0": HOLDER}) as bus:
        await place.put(envelope(named, SECRET), subject)
        transport = place.transport()
        await transport.open()
        inbox = await transport.subscribe(SubscriptionSpec(patterns=("*",), durable="keys"))
        assert await inbox.wait(10)
        delivery = inbox.pop()
        assert delivery is not None
        await bus.dead_letters.add(
            delivery, id="k", error=ValueError("no key: SECRET"), reader="keys"
        )
        await transport.close()
        [letter] = await letters(bus)
    assert (letter.secret, letter.error) == (True, "ValueError")
    assert letter.reason == "withheld: its type holds a secret"


@DURABLE
async def test_what_holds_no_secret_says_why_it_is_there(bus: Bus) -> None:
    await bus.publish(call())
    letter = await buried(bus)
    assert (letter.secret, letter.reason) == (False, "the handler is broken")
