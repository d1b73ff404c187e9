"""The four dashboards, in the order of their links."""

from __future__ import annotations

from ..model import Dashboard
from . import devices, overview, payments, service_calls

__all__ = ["all_dashboards"]


def all_dashboards() -> tuple[Dashboard, ...]:
    """Return all dashboards."""
    return (
        overview.dashboard(),
        devices.dashboard(),
        service_calls.dashboard(),
        payments.dashboard(),
    )
