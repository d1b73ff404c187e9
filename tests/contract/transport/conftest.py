"""Who asks in the contract tests of requests."""

from __future__ import annotations

import pytest

from dms_events import Bus
from tests.contract.places import Place

from .asking import Ask, asker


@pytest.fixture
def ask(place: Place, bus: Bus) -> Ask:
    return asker(place, bus)
