"""Errors say what is wrong and where, and keep what a program needs."""

from __future__ import annotations

import copy
import pickle

import pytest

from dms_events import (
    BadReplyError,
    ConfigError,
    ConnectionLostError,
    DecodeError,
    DmsEventsError,
    DroppedError,
    EncodeError,
    ExtraNotInstalledError,
    HandlerError,
    NoResponderError,
    PublishError,
    Reject,
    ReplayError,
    RequestError,
    RequestTimeoutError,
    ResponderError,
    SinkBrokenError,
    SinkError,
    TransportError,
    UnknownTypeError,
    errors,
)
from dms_events.errors import DecryptError, EncryptError, NoMatchingKeyError

TREE = {
    DmsEventsError: Exception,
    EncodeError: DmsEventsError,
    DecodeError: DmsEventsError,
    UnknownTypeError: DmsEventsError,
    ConfigError: DmsEventsError,
    ExtraNotInstalledError: DmsEventsError,
    EncryptError: DmsEventsError,
    DecryptError: DmsEventsError,
    NoMatchingKeyError: DecryptError,
    TransportError: DmsEventsError,
    ConnectionLostError: TransportError,
    PublishError: TransportError,
    RequestError: TransportError,
    NoResponderError: RequestError,
    RequestTimeoutError: RequestError,
    BadReplyError: RequestError,
    ResponderError: RequestError,
    DroppedError: TransportError,
    ReplayError: DmsEventsError,
    SinkError: DmsEventsError,
    SinkBrokenError: SinkError,
    HandlerError: DmsEventsError,
    Reject: DmsEventsError,
}


def test_the_tree_is_the_one_that_is_drawn() -> None:
    assert {error.__name__ for error in TREE} == set(errors.__all__)
    for error, base in TREE.items():
        assert error.__base__ is base
        assert error.__name__ in str(errors.__doc__)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EncodeError("a.B", "cpu", "is NaN"), "a.B: cpu: is NaN"),
        (EncodeError("a.B", "", "is odd"), "a.B: is odd"),
        (DecodeError("a.B", "x.CPU", "expected number", b"{}"), "a.B: x.CPU: expected number"),
        (DecodeError("a.B", "", "is cut", b"{"), "a.B: is cut"),
        (UnknownTypeError("C"), "unknown type 'C': `dms-events types` lists them"),
        (UnknownTypeError("C", "say which"), "unknown type 'C': say which"),
        (ConfigError("durable", "'d' exists"), "durable: 'd' exists"),
        (
            ExtraNotInstalledError("nats", "NATS"),
            "NATS needs an extra: pip install 'dms-events[nats]'",
        ),
        (EncryptError("'x' is a socket"), "'x' is a socket"),
        (DecryptError("it was cut"), "it was cut"),
        (NoMatchingKeyError("it is for others"), "it is for others"),
        (TransportError("it broke"), "it broke"),
        (ConnectionLostError("it is gone"), "it is gone"),
        (PublishError("it is full", [1]), "it is full"),
        (RequestError("a.B", "it is too large"), "request a.B: it is too large"),
        (NoResponderError("a.B", "nobody"), "request a.B: nobody"),
        (RequestTimeoutError("a.B", "no answer"), "request a.B: no answer"),
        (BadReplyError("a.B", "it is junk"), "request a.B: it is junk"),
        (
            ResponderError("a.B", "rejected", "it is full"),
            "request a.B: the responder says rejected: it is full",
        ),
        (
            DroppedError(3, "gossip"),
            "3 messages were dropped: the reader was too slow, and gossip stores nothing; read faster, "
            "or with a durable over JetStream",
        ),
        (ReplayError(7, "half is gone"), "dead letter 7 cannot be replayed: half is gone"),
        (SinkError("no"), "no"),
        (SinkBrokenError("no"), "no"),
    ],
)
def test_each_error_says_what_and_where(error: DmsEventsError, text: str) -> None:
    assert str(error) == text
    assert isinstance(error, DmsEventsError)


def test_each_error_keeps_its_parts() -> None:
    encode = EncodeError("a.B", "cpu", "is NaN")
    assert (encode.type, encode.field, encode.reason) == ("a.B", "cpu", "is NaN")
    decode = DecodeError("a.B", "CPU", "no", b"secret")
    assert (decode.type, decode.path, decode.reason) == ("a.B", "CPU", "no")
    assert decode.payload == b"secret"
    assert UnknownTypeError("C").name == "C"
    config = ConfigError("url", "no")
    assert (config.setting, config.reason) == ("url", "no")
    assert ExtraNotInstalledError("nats", "NATS").extra == "nats"
    assert (EncryptError("odd").reason, DecryptError("cut").reason) == ("odd", "cut")
    publish = PublishError("full", ["a", "b"])
    assert (publish.reason, list(publish.unacknowledged)) == ("full", ["a", "b"])
    assert list(PublishError("full").unacknowledged) == []


def test_what_cannot_be_decrypted_is_a_value_error_as_the_protocol_says() -> None:
    assert issubclass(DecryptError, ValueError)


def test_a_payload_is_in_no_text_of_its_error() -> None:
    error = DecodeError("a.B", "CPU", "no", b"secret")
    assert "secret" not in f"{error} {error!r} {error.args}"


@pytest.mark.parametrize(
    "error",
    [
        EncodeError("a.B", "cpu", "is NaN"),
        UnknownTypeError("C"),
        ConfigError("url", "no"),
        ExtraNotInstalledError("nats", "NATS"),
        DecodeError("a.B", "CPU", "no", b"payload"),
        PublishError("full", ["a", "b"]),
        ResponderError("a.B", "rejected", "it is full"),
        DroppedError(3, "gossip"),
        SinkError("no"),
        SinkBrokenError("no"),
        EncryptError("odd"),
        NoMatchingKeyError("it is for others"),
    ],
)
def test_an_error_may_be_copied_and_cross_to_another_process(error: DmsEventsError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
