"""What `on_error` may be and do."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import dms_events
from dms_events import ConfigError, Discarded
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect
from tests.kit.programs.processes import until

TYPE = "elk_stats.ServiceCall"


@pytest.mark.direct
async def test_a_callback_that_raises_is_logged_and_counted_and_disturbs_nothing(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(discarded: Discarded) -> None:
        raise SystemExit(f"it said {discarded.data!r}")

    async with place.connect(on_error=broken) as bus, bus.subscribe(ServiceCall) as messages:
        await place.put(b"noise", TYPE)
        await bus.publish(call(1))
        assert [m.event.call_id for m in await collect(messages, 1)] == [1]
        await until(lambda: bus.discards.failed_calls == 1, "it was called")
    [record] = [r for r in caplog.records if r.name == "dms_events" and r.levelno == logging.ERROR]
    assert record.message.startswith("on_error raised on <Discarded error='DecodeError'")
    assert "in broken\n" in record.message
    assert record.message.endswith("SystemExit")
    assert "noise" not in caplog.text


def test_neither_the_payload_nor_the_text_of_the_error_shows() -> None:
    discarded = Discarded(error=ValueError("the mnemonic is"), data=b"the mnemonic", size=12)
    assert "mnemonic" not in f"{discarded!r} {discarded} {[discarded]}"
    assert "ValueError" in repr(discarded)


class _Async:
    async def __call__(self, discarded: Discarded) -> None: ...


async def _later(discarded: Discarded) -> None: ...


@pytest.mark.parametrize("callback", [_later, _Async(), "print"])
def test_a_callback_that_cannot_be_called_in_the_loop_is_refused(callback: Any) -> None:
    with pytest.raises(ConfigError, match="on_error"):
        dms_events.connect("memory://", on_error=callback)
