"""The state of a running worker or forwarder over HTTP: ``/metrics``, ``/healthz`` and ``/readyz``."""

from .monitor import Monitor, Watched

__all__ = ["Monitor", "Watched"]
