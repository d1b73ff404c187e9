"""Other clients of NATS, where they are installed: natsio and nats-core need Python 3.13."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["NATSIO", "NATS_CORE"]


def _if_installed(module: str) -> Any:
    return import_module(module) if find_spec(module) else None


NATSIO = _if_installed("natsio")
NATS_CORE = _if_installed("nats.client")
"""Without JetStream."""
