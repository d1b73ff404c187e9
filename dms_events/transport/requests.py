"""A request at the seam: the bytes of a request, and the function that answers with bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

import msgspec

from ..identity import new_id
from ..types._secrets import Masked, SecretBytes
from .unstored import UnstoredDelivery

__all__ = ["Answer", "RequestDelivery"]


class RequestDelivery(
    UnstoredDelivery, Masked, msgspec.Struct, frozen=True, kw_only=True, eq=False
):
    """A request that arrived. It gets an answer; it is not acknowledged or given back.

    It is a `Delivery`. Its repr does not show the payload.
    """

    possibly_replayed: ClassVar[bool] = False

    data: SecretBytes
    subject: str
    type_name: str
    source: str
    largest_answer: int
    """The most bytes that an answer may have."""
    stored_ns: int = msgspec.field(default_factory=time.time_ns)
    position_id: str = msgspec.field(default_factory=new_id)

    @property
    def size(self) -> int:
        """Bytes of the payload and the names."""
        return len(self.data) + len(self.subject) + len(self.type_name) + len(self.source)

    @property
    def message_id(self) -> str:
        """Empty: a request has no id beside the payload."""
        return ""

    @property
    def headers(self) -> Mapping[str, str] | None:
        """None: headers of a request are not handed on."""
        return None

    @property
    def position(self) -> int:
        """Time of arrival, in ns since 1970."""
        return self.stored_ns


Answer = Callable[[RequestDelivery], Coroutine[Any, Any, bytes]]
"""Makes the answer to a request. It raises only CancelledError, and ends in bounded time."""
