"""From a URL or a NetworkConfig to a bus; what cannot work is said without the password."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dms_events
from dms_events import ConfigError, codec
from dms_events.transport import MemoryTransport
from dms_events.types.network_config import NetworkConfig, NetworkType
from dms_events_nats import NatsTransport
from tests.kit.documents.secrets import CORE, found_in, said_by

MEMORY = NetworkConfig(type=NetworkType.MEMORY)
NATS = NetworkType.NATS
SCHEMES = "libp2p:, memory:, nats:"


def servers(config: NetworkConfig) -> list[str]:
    transport = dms_events.connect(config)._transport
    assert isinstance(transport, NatsTransport)
    return transport._servers


async def test_a_memory_configuration_is_a_bus_of_its_own() -> None:
    async with dms_events.connect(MEMORY) as one, dms_events.connect(MEMORY) as other:
        event = NetworkConfig(rendezvous="here")
        await one.publish(event)
        async with one.subscribe(NetworkConfig, durable="d") as messages:
            assert (await anext(messages)).event == event
        async with other.subscribe(NetworkConfig, durable="d") as messages:
            assert await messages.backlog() == 0


@pytest.mark.parametrize(
    ("nats_url", "given"),
    [
        ("nats://127.0.0.1:4222", ["nats://127.0.0.1:4222"]),
        ("127.0.0.1:4222", ["nats://127.0.0.1:4222"]),
        ("localhost", ["nats://localhost"]),
        ("[::1]:4222", ["nats://[::1]:4222"]),
        ("user:pass@host:1", ["nats://user:pass@host:1"]),
        ("NATS://host", ["nats://host"]),
        (" nats://a:1/ , b:2,, ", ["nats://a:1/", "nats://b:2"]),
    ],
)
def test_a_nats_configuration_is_read_as_nats_connect_reads_it(
    nats_url: str, given: list[str]
) -> None:
    assert servers(NetworkConfig(type=NATS, nats_url=nats_url)) == given


def test_a_configuration_that_go_wrote_is_as_good() -> None:
    written = b'{"Type":"nats","NATSUrl":"nats://host:1","PrivateKey":null,"Rendezvous":"ignored"}'
    assert servers(codec.decode(written, NetworkConfig)) == ["nats://host:1"]


def test_the_options_are_the_same_as_with_a_url() -> None:
    config = NetworkConfig(type=NATS, nats_url="host")
    assert not dms_events.connect(config, durable=False).guarantees.durable
    assert dms_events.connect(MEMORY, max_messages=1).guarantees.full == "error"
    assert dms_events.connect(MEMORY, source="me").prepare(MEMORY).source == "me"
    with pytest.raises(ConfigError, match=r"^options: NatsTransport: .*'colour'"):
        dms_events.connect(config, colour="red")
    with pytest.raises(ConfigError, match=r"^options: MemoryTransport: .*'durable'"):
        dms_events.connect(MEMORY, durable=False)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (NetworkConfig(), "NetworkConfig.type: '' is not one of libp2p, nats, memory"),
        (
            NetworkConfig(type=NetworkType("Nats")),
            "NetworkConfig.type: 'Nats' is not one of libp2p, nats, memory",
        ),
        (
            NetworkConfig(type=NATS),
            "NetworkConfig.nats_url: is empty; write nats://host:4222",
        ),
        (
            NetworkConfig(type=NATS, nats_url=" , "),
            "NetworkConfig.nats_url: is empty; write nats://host:4222",
        ),
        (
            NetworkConfig(type=NATS, nats_url="memory://"),
            "NetworkConfig.nats_url: must begin with nats://",
        ),
        (
            NetworkConfig(type=NATS, nats_url="host,tls://host"),
            "NetworkConfig.nats_url: must begin with nats://",
        ),
        (None, "url: expected a URL or a NetworkConfig, got NoneType"),
        ({"Type": "memory"}, "url: expected a URL or a NetworkConfig, got dict"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        dms_events.connect(config)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("amqp://host", f"url: 'amqp:' is not one of {SCHEMES}"),
        ("", f"url: has no scheme; begin with one of {SCHEMES}"),
        ("127.0.0.1:4222", f"url: has no scheme; begin with one of {SCHEMES}"),
        ("SECRET@host:4222", f"url: has no scheme; begin with one of {SCHEMES}"),
    ],
)
def test_a_url_that_no_adapter_serves_is_refused(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        dms_events.connect(url)
    assert str(caught.value) == says


@pytest.mark.parametrize("url", ["MEMORY://", " memory://", "memory:"])
def test_a_scheme_is_read_in_any_case(url: str) -> None:
    assert isinstance(dms_events.connect(url)._transport, MemoryTransport)


SLIPS = (
    *(
        "nats://u:{}@h:port",
        "nats://u:{}@h:99999",
        "nats://u:{}@h:0",
        "nats://u:{}@",
        "nats://u:{}",
    ),
    *("nats://u:{}@[::1", "nats://u:{}/x@h:4222", "nats://u:1/{}@h:4222", "nats://u:{}#x@h"),
    *(
        "nats://u:1?{}@h",
        "nats://{}@h:x",
        "nats://u:{},x@h:4222",
        "nats://u:1,{}@h:x",
        "natss://u:{}@h",
    ),
    *("u:{}@h:4222", "{}@h:4222", "nats:u:{}@h", "nats:/u:{}@h", "//u:{}@h", "nats://u:{}\u2100@h"),
    *(
        "memory//u:{}@h",
        "tls://u:{}@h",
        "http://u:{}@h:9200",
        "http://u:{}@h",
        "https://u:{}/x@h:9200",
    ),
    *(
        "http://u:{}@h:x",
        "http://u:{}@h:9200?q",
        "sqlite://u:{}@h/",
        "elastic://u:{}@h",
        "http:u:{}@h:9",
    ),
)
"""URLs that cannot be read, with a place for the password."""


@pytest.mark.parametrize("slip", SLIPS)
def test_no_refusal_of_a_url_shows_the_password_in_it(slip: str) -> None:
    url = slip.format(CORE)
    refused = 0
    config = NetworkConfig(type=NATS, nats_url=url)
    connect: Callable[[Any], object] = dms_events.connect
    sink_for: Callable[[Any], object] = dms_events.sink_for
    for make, where in ((connect, url), (connect, config), (connect, [url]), (sink_for, url)):
        try:
            make(where)
        except ConfigError as error:
            refused += 1
            for text in said_by(error):
                assert not found_in(text), text
    assert refused >= 3, "one of them may take it"
