"""What a bus refuses to read, whatever transport it has."""

from __future__ import annotations

import pytest

from dms_events import ConfigError, UnknownTypeError
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call


def test_an_impossible_subscription_is_refused_at_once(place: Place) -> None:
    bus = place.connect()
    with pytest.raises(UnknownTypeError):
        bus.subscribe("elk_stats.Nothing")
    with pytest.raises(UnknownTypeError):
        bus.subscribe("nothing.*")
    with pytest.raises(ConfigError):
        bus.subscribe()
    with pytest.raises(ConfigError, match="durable"):
        bus.subscribe(ServiceCall, durable="a.b")
    with pytest.raises(ConfigError, match="prefetch"):
        bus.subscribe(ServiceCall, prefetch=0)
    with pytest.raises(ConfigError, match="ack_wait_s"):
        bus.subscribe(ServiceCall, ack_wait_s=0)


def test_a_source_is_one_token(place: Place) -> None:
    for source in ("a.b", "a b", "*", ">", "a/b", "x" * 201, "\ud800"):
        with pytest.raises(ConfigError, match="source"):
            place.connect(source=source)
        with pytest.raises(ConfigError, match="source"):
            place.connect().prepare(call(), source=source)
