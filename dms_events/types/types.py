"""The base of all records in the database of a DMS node."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, field

from ._wire import ZERO_TIME, DeletedAt, GoStruct, Time

__all__ = ["BaseDBModel"]

CreatedAt = Annotated[Time, Meta(description="time at which the record was created")]
UpdatedAt = Annotated[Time, Meta(description="time of the last update of the record")]
RecordDeletedAt = Annotated[
    DeletedAt, Meta(description="time at which the record was deleted; null if it was not")
]


class BaseDBModel(GoStruct, kw_only=True):
    """An id and the times of a database record. A type that embeds it has these fields first."""

    id: Annotated[str, Meta(description="UUID of the record")] = field(name="ID", default="")
    created_at: CreatedAt = field(name="CreatedAt", default=ZERO_TIME)
    updated_at: UpdatedAt = field(name="UpdatedAt", default=ZERO_TIME)
    deleted_at: RecordDeletedAt = field(name="DeletedAt", default=None)

    def get_id(self) -> str:
        """Return the id of the record; `before_create` sets it to a UUID."""
        return self.id

    def before_create(self) -> None:
        """Set the id to a new UUID, and the time of creation to now."""
        self.id = str(uuid.uuid4())
        self.created_at = datetime.now(UTC)

    def before_update(self) -> None:
        """Set the time of the last update to now."""
        self.updated_at = datetime.now(UTC)

    def soft_delete(self) -> None:
        """Mark the record as deleted, by setting the time of its deletion to now."""
        self.deleted_at = datetime.now(UTC)
