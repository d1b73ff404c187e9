"""Storage volumes of an execution."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ._wire import GoStruct

__all__ = ["StorageVolume"]


class StorageVolume(GoStruct, kw_only=True):
    """A prepared storage volume that is mounted into an execution. Part of an ExecutionRequest."""

    type: Annotated[str, Meta(description="kind of volume, such as bind")] = ""
    source: Annotated[str, Meta(description="path on the host")] = ""
    target: Annotated[str, Meta(description="path in the execution")] = ""
    read_only: Annotated[bool, Meta(description="true if it is mounted read-only")] = field(
        name="readonly", default=False
    )
