"""Types that hold a secret go to no sink, and tools do not show them."""

from __future__ import annotations

import pytest

import dms_events
from dms_events import ConfigError, Forwarder, registry
from dms_events.cli._shared import guarded
from dms_events.types._secrets import holds_secret
from tests.unit.scripted_sink import ScriptedSink


@pytest.mark.parametrize(
    "wanted", ["*", "machine.*", "machine.Libp2pInfo", "onboarding.LogBinAuth"]
)
async def test_no_type_that_holds_a_secret_is_forwarded(wanted: str) -> None:
    async with dms_events.connect("memory://") as bus:
        with pytest.raises(ConfigError, match="holds a secret"):
            Forwarder(bus, ScriptedSink(), wanted=[wanted])


async def test_the_stats_events_hold_none() -> None:
    async with dms_events.connect("memory://") as bus:
        Forwarder(bus, ScriptedSink(), wanted=["elk_stats.*"])


@pytest.mark.parametrize("name", registry.names())
def test_tools_show_the_payload_only_of_types_without_secrets(name: str) -> None:
    shown = guarded(name, "the payload", False)
    assert ("the payload" in shown) is not holds_secret(registry.get(name))
    assert guarded(name, "the payload", True) == "the payload"


def test_the_payload_of_an_unknown_type_is_shown() -> None:
    assert guarded("", "noise", False) == "noise"
