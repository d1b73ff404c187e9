"""The nine stats events with values that a Go node might read differently."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from dms_events.types.elk_stats import (
    DeviceResourceChange,
    DeviceResourceConfig,
    DeviceStatusChange,
    NewDeviceOnboarded,
    NewService,
    NtxPayment,
    ResourceValues,
    ServiceCall,
    ServiceRemove,
    ServiceStatus,
)

__all__ = ["AWKWARD", "PEER", "as_float32"]

PEER = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
NOW = 1_795_460_123.456789
VALUES = ResourceValues(cpu=0.1, ram=16_777_217.0, network=3.4028235e38, dedicated_time=1e-45)

AWKWARD: tuple[msgspec.Struct, ...] = (
    NewDeviceOnboarded(
        peer_id=PEER, cpu=2400.7, ram=1 / 3, network=-1.5, dedicated_time=1e-7, timestamp=NOW
    ),
    DeviceStatusChange(peer_id=PEER, status='<b>"off"</b> & \\ gone\n\t\x00\u2028', timestamp=NOW),
    DeviceResourceChange(peer_id=PEER, changed_attribute_and_value=VALUES, timestamp=NOW),
    DeviceResourceConfig(peer_id=PEER, changed_attribute_and_value=VALUES, timestamp=NOW),
    NewService(
        service_id="żółć", service_name="日本語", service_description="🚀 \x7f", timestamp=NOW
    ),
    ServiceCall(
        call_id=4_294_967_295.0,
        peer_id_of_service_host=PEER,
        service_id="service-1",
        cpu_used=99.99,
        max_ram=1e21,
        memory_used=123456.789,
        network_bw_used=-0.0,
        time_taken=0.000123,
        status="finished with errors",
        amount_of_ntx=2**31 - 1,
        timestamp=NOW,
    ),
    ServiceStatus(
        call_id=16_777_217.0,
        peer_id_of_service_host=PEER,
        service_id="service-1",
        status="null",
        timestamp=NOW,
    ),
    ServiceRemove(service_id="</script>", timestamp=NOW),
    NtxPayment(
        call_id=33_554_435.0,
        service_id="service-1",
        amount_of_ntx=-(2**31),
        peer_id=PEER,
        success_fail_status="success",
        timestamp=NOW,
    ),
)


def as_float32(value: Any) -> Any:
    """The same data with every float as the bits of Go's float32; zero has one sign.

    Go writes minus zero as ``-0``, which msgspec reads as an integer, without its sign.
    """
    if isinstance(value, msgspec.Struct):
        return {key: as_float32(getattr(value, key)) for key in value.__struct_fields__}
    return struct.pack("<f", value + 0.0) if isinstance(value, float) else value
