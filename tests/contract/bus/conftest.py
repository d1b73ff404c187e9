"""Who asks in the contract tests of requests."""

from __future__ import annotations

import pytest

from dms_events import Bus
from dms_events.testing.transport_contract.answers import Ask, asker
from tests.contract.places import Place


@pytest.fixture
def ask(place: Place, bus: Bus) -> Ask:
    return asker(place, bus)
