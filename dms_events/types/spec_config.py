"""A free configuration, of an engine, a storage volume or a network."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from ._wire import GoStruct, fold

__all__ = ["SpecConfig", "new_spec_config", "validate"]


class SpecConfig(GoStruct, kw_only=True):
    """A configuration with a type and free parameters. Used for parts that have several implementations.

    Go's methods also accept nil. In Python the function `validate` accepts None and refuses it. For Go's
    ``IsEmpty`` write ``spec is None or spec.is_empty()``, and for its ``IsType`` write
    ``spec is not None and spec.is_type(…)``.
    """

    type: Annotated[
        str, Meta(description="kind of the configured thing, such as docker or firecracker")
    ] = ""
    params: Annotated[dict[str, Any], Meta(description="parameters; numbers are float64 in Go")] = (
        field(default_factory=dict)
    )

    def with_param(self, key: str, value: object) -> SpecConfig:
        """Set one parameter, and return this same config, so that calls can be chained."""
        self.params[key] = value
        return self

    def normalize(self) -> None:
        """Remove the white space around the type."""
        self.type = self.type.strip()

    def validate(self) -> None:
        """Check that there is a type.

        Raises:
            ValueError: the type is blank.
        """
        if not self.type.strip():
            raise ValueError("missing spec type")

    def is_type(self, kind: str) -> bool:
        """Return True if the type is ``kind``. Case does not count, nor white space around ``kind``."""
        return fold(self.type) == fold(kind.strip())

    def is_empty(self) -> bool:
        """Return True if there is neither a type nor a parameter."""
        return not self.type.strip() and not self.params


def new_spec_config(kind: str) -> SpecConfig:
    """Return a config of this type without parameters."""
    return SpecConfig(type=kind)


def validate(spec: SpecConfig | None) -> None:
    """Check a config that may be missing.

    Raises:
        ValueError: the config is None, or its type is blank.
    """
    if spec is None:
        raise ValueError("nil spec config")
    spec.validate()
