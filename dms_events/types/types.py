"""The base of everything that a DMS node keeps in its database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, field

from ._wire import ZERO_TIME, DeletedAt, GoStruct, Time

__all__ = ["BaseDBModel"]

CreatedAt = Annotated[Time, Meta(description="when the record was created")]
UpdatedAt = Annotated[Time, Meta(description="when the record was last updated")]
RecordDeletedAt = Annotated[DeletedAt, Meta(description="when the record was deleted, if it was")]


class BaseDBModel(GoStruct, kw_only=True):
    """A database record: an id and its times. Sent as the leading fields of the types that embed it."""

    id: Annotated[str, Meta(description="UUID of the record")] = field(name="ID", default="")
    created_at: CreatedAt = field(name="CreatedAt", default=ZERO_TIME)
    updated_at: UpdatedAt = field(name="UpdatedAt", default=ZERO_TIME)
    deleted_at: RecordDeletedAt = field(name="DeletedAt", default=None)

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
