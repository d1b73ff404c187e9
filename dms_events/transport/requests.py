"""A request at the seam: the bytes of a request, and the function that answers with bytes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from ..identity import new_id
from .delivery import Delivery, arrival_ns

__all__ = ["Answer", "RequestDelivery"]


class RequestDelivery(Delivery, msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A request that arrived. It gets an answer; it is not acknowledged or given back."""

    data: bytes
    subject: str
    type_name: str
    source: str
    largest_answer: int
    """The most bytes that an answer may have."""
    stored_ns: int = msgspec.field(default_factory=arrival_ns)
    position_id: str = msgspec.field(default_factory=new_id)


Answer = Callable[[RequestDelivery], Coroutine[Any, Any, bytes]]
"""Makes the answer to a request. It raises only CancelledError, and ends in bounded time."""
