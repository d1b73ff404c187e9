"""The base of everything that a DMS node keeps in its database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from msgspec import field

from ._wire import ZERO_TIME, GoStruct, Time

__all__ = ["BaseDBModel"]


class BaseDBModel(GoStruct, kw_only=True):
    """A database record: an id and its times. Sent as the leading fields of the types that embed it."""

    id: str = field(name="ID", default="")
    created_at: Time = field(name="CreatedAt", default=ZERO_TIME)
    updated_at: Time = field(name="UpdatedAt", default=ZERO_TIME)
    deleted_at: Time | None = field(name="DeletedAt", default=None)

    def get_id(self) -> str:
        """The record's id, a UUID once it was created."""
        return self.id

    def before_create(self) -> None:
        """Give the record a new UUID and its time of creation."""
        self.id = str(uuid.uuid4())
        self.created_at = datetime.now(UTC)

    def before_update(self) -> None:
        """Note the time of an update."""
        self.updated_at = datetime.now(UTC)

    def soft_delete(self) -> None:
        """Mark the record as deleted; it stays where it is."""
        self.deleted_at = datetime.now(UTC)
