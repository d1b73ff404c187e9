"""Arbitrary configuration: of an engine, a storage volume, a network."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from ._wire import GoStruct, fold

__all__ = ["SpecConfig", "new_spec_config", "validate"]


class SpecConfig(GoStruct, kw_only=True):
    """A configuration with a type and free parameters. Used wherever implementations differ.

    Where Go also takes a nil one: `validate` refuses None, and ``spec is None or spec.is_empty()``
    and ``spec is not None and spec.is_type(…)`` say the rest.
    """

    type: Annotated[str, Meta(description="what is configured, such as docker or firecracker")] = ""
    params: Annotated[dict[str, Any], Meta(description="parameters; numbers are float64 in Go")] = (
        field(default_factory=dict)
    )

    def with_param(self, key: str, value: object) -> SpecConfig:
        """Set one parameter here, and return this config so that calls can be chained."""
        self.params[key] = value
        return self

    def normalize(self) -> None:
        """Trim the white space round the type."""
        self.type = self.type.strip()

    def validate(self) -> None:
        """Check that the type is there.

        Raises:
            ValueError: it is blank.
        """
        if not self.type.strip():
            raise ValueError("missing spec type")

    def is_type(self, kind: str) -> bool:
        """Whether the type is ``kind``, whatever the case of either and the white space of ``kind``."""
        return fold(self.type) == fold(kind.strip())

    def is_empty(self) -> bool:
        """Whether there is neither a type nor a parameter."""
        return not self.type.strip() and not self.params


def new_spec_config(kind: str) -> SpecConfig:
    """A config of that type without parameters."""
    return SpecConfig(type=kind)


def validate(spec: SpecConfig | None) -> None:
    """Check a config that may be missing.

    Raises:
        ValueError: there is none, or its type is blank.
    """
    if spec is None:
        raise ValueError("nil spec config")
    spec.validate()
