"""A secret shows in no error, log or dead letter, whatever is wrong with the value or the document.

The types are found by walking the registry: a new secret field is covered without being named here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pytest

import dms_events
from dms_events import (
    Bus,
    DecodeError,
    EncodeError,
    Envelope,
    OutgoingMessage,
    PublishError,
    codec,
    registry,
)
from dms_events.dead_letters.letter import decode_dead_letter
from dms_events.envelope import decode_envelope, encode_envelope
from tests.kit.documents.secrets import (
    CORE,
    HOLDERS,
    broken_documents,
    document_of,
    filled,
    found_in,
    said_by,
    wrong_values,
)

OTHER = "elk_stats.ServiceCall"
TEXTS = b"\xa4Type", b"\xa6reason"
"""Keys, as MessagePack, of a text in an envelope and in a dead letter."""


def silent(errors: Iterable[BaseException]) -> int:
    """Assert that none of them shows the secret; returns how many there were."""
    count = 0
    for error in errors:
        count += 1
        for text in said_by(error):
            assert not found_in(text), f"{error!r}: {text[:2000]}"
    return count


def decode_errors(name: str) -> Iterable[DecodeError]:
    for document in broken_documents(registry.get(name)):
        for strict in (False, True):
            try:
                codec.decode(document, registry.get(name), strict=strict)
            except DecodeError as error:
                yield error


def encode_errors(name: str) -> Iterable[EncodeError]:
    for value in wrong_values(registry.get(name)):
        try:
            codec.encode(value)
        except EncodeError as error:
            yield error


def enveloped(name: str, document: bytes) -> list[bytes]:
    envelope = Envelope(type=name, data=document, id="id", source="peer")
    return [encode_envelope(envelope), encode_envelope(envelope, "msgpack")]


def envelope_errors(name: str) -> Iterable[DecodeError]:
    core = CORE.encode()
    for whole in enveloped(name, document_of(registry.get(name))):
        damaged = [whole[:end] for end in range(len(whole))]
        for place in range(0, len(whole), 3):
            damaged += [whole[:place] + bad + whole[place:] for bad in (b"\xff", b"}", core)]
        damaged += [b"\x81" + key + b"\xda\x04\x00" + whole.ljust(1023) + b"\xff" for key in TEXTS]
        for data in damaged:
            try:
                decode_envelope(data)
            except DecodeError as error:
                yield error
            try:
                decode_dead_letter(data)
            except DecodeError as error:
                yield error


@pytest.mark.parametrize("name", HOLDERS)
def test_no_decode_error_shows_a_secret(name: str) -> None:
    assert silent(decode_errors(name)) > 500


@pytest.mark.parametrize("name", HOLDERS)
def test_no_encode_error_shows_a_secret(name: str) -> None:
    assert silent(encode_errors(name)) > 20


@pytest.mark.parametrize("name", HOLDERS)
def test_no_error_about_an_envelope_shows_the_secret_in_its_event(name: str) -> None:
    assert silent(envelope_errors(name)) > 500


@pytest.mark.parametrize("name", HOLDERS)
def test_what_carries_a_payload_shows_nothing_of_it(name: str) -> None:
    document = document_of(registry.get(name))
    for data in (document, *enveloped(name, document)):
        for carrier in (
            Envelope(type=name, data=data),
            OutgoingMessage("events", name, "", "id", data),
        ):
            assert not found_in(f"{carrier!r} {carrier}")
            assert "type" in repr(carrier)
            assert name in repr(carrier)


@pytest.mark.parametrize("name", HOLDERS)
async def test_no_log_and_no_dead_letter_shows_a_secret(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    documents = [document_of(registry.get(name)), *list(broken_documents(registry.get(name)))[::40]]
    payloads = [data for document in documents for data in enveloped(name, document)]
    payloads += [data[:-9] for data in payloads] + documents
    async with dms_events.connect("memory://") as bus:
        async with (
            bus.subscribe("*", durable="reader") as reader,
            bus.subscribe("*", start="all") as onlooker,
        ):
            for number, data in enumerate(payloads):
                for type_name in (name, OTHER):
                    message = OutgoingMessage("events", type_name, "", f"{type_name}{number}", data)
                    await bus.publish(message)
            for messages in (reader, onlooker):
                while await messages.backlog():
                    for arrived in await messages.batch(len(payloads) * 2, 0.1):
                        assert not found_in(f"{arrived!r} {arrived} {arrived.envelope!r}")
                        await arrived.ack()
                assert messages.undecodable > len(payloads)
        letters = [letter async for letter in bus.dead_letters.find()]
        assert silent(await refused(bus, name)) == 2
    assert len(letters) > len(payloads)
    for letter in letters:
        assert not found_in(f"{letter!r} {letter} {letter.reason} {letter.subject}")
    assert len(caplog.records) > len(payloads)
    assert not found_in(caplog.text)
    for record in caplog.records:
        assert not found_in(f"{record.__dict__}")


async def refused(bus: Bus, name: str) -> list[BaseException]:
    """The errors of an event that cannot be written, and of one for which there is no more room."""
    found: list[BaseException] = []
    wrong = next(iter(wrong_values(registry.get(name))))
    with pytest.raises(EncodeError) as caught:
        await bus.publish_many([wrong])
    found.append(caught.value)
    async with dms_events.connect("memory://", max_messages=1) as full:
        await full.publish(filled(registry.get(name)))
        with pytest.raises(PublishError) as no_room:
            await full.publish(filled(registry.get(name)))
    found.append(no_room.value)
    assert not found_in(repr(no_room.value.unacknowledged))
    return found
