"""Extras that stand beside `all`: their tests are left out where they are not installed."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

__all__ = ["HAS_LIBP2P", "require_libp2p"]

HAS_LIBP2P = find_spec("libp2p") is not None


def require_libp2p() -> None:
    """Skip the running test, or the module that is being imported; fail it where ``CI`` is set."""
    if HAS_LIBP2P:
        return
    text = "needs the extra libp2p: make .venv/.libp2p (gcc and libgmp-dev have to be there)"
    if os.environ.get("CI"):
        pytest.fail(text, pytrace=False)
    pytest.skip(text, allow_module_level=True)
