"""Our own transports pass the suite that ships with the library."""

from __future__ import annotations

import pytest

from dms_events.testing.transport_contract import EventsContract, TransportContract
from tests.contract.places import Place

from ..conftest import PlaceFor


class TestMemory(TransportContract):
    @pytest.fixture
    def harness(self, place_for: PlaceFor) -> Place:
        return place_for("memory")


class TestNats(TransportContract):
    @pytest.fixture
    def harness(self, place_for: PlaceFor) -> Place:
        return place_for("nats")


class TestNatsCore(TransportContract):
    @pytest.fixture
    def harness(self, place_for: PlaceFor) -> Place:
        return place_for("nats-core")


class TestLibp2p(TransportContract):
    @pytest.fixture
    def harness(self, place_for: PlaceFor) -> Place:
        return place_for("libp2p")


class TestLibp2pLine(EventsContract):
    """Requests do not go over other nodes, so a line of nodes adds nothing to them."""

    @pytest.fixture
    def harness(self, place_for: PlaceFor) -> Place:
        return place_for("libp2p-line")
