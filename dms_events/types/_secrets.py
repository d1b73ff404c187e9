"""Find the fields that hold a secret, by their annotations. All parts that show data ask here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta, inspect

from ._keys import PrivateKey

__all__ = [
    "MASK",
    "Masked",
    "SecretBytes",
    "SecretKey",
    "SecretStr",
    "holds_bytes",
    "holds_secret",
    "secret_fields",
    "secret_keys",
]

MASK: Final = "***"

SecretStr = Annotated[str, Meta(extra={"secret": True})]
SecretBytes = Annotated[bytes, Meta(extra={"secret": True})]
SecretKey = Annotated[PrivateKey | None, Meta(extra={"secret": True})]


class Masked:
    """Base of Structs whose secret fields never show in a repr: in their own, or in a container's."""

    __slots__ = ()

    if TYPE_CHECKING:
        __struct_fields__: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        secret = secret_fields(type(self))  # type: ignore[arg-type]
        return [
            (name, MASK if name in secret else getattr(self, name))
            for name in self.__struct_fields__
        ]


@cache
def secret_fields(type_: type[msgspec.Struct]) -> frozenset[str]:
    """Return the attributes of ``type_`` that their own annotations mark as secret."""
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return frozenset(f.name for f in info.fields if _is_secret(f.type))


@cache
def holds_secret(type_: Any) -> bool:
    """Return True if a value of ``type_`` can hold a secret, at any depth."""
    return any(_is_secret(part) for part in _parts(inspect.type_info(type_)))


@cache
def holds_bytes(type_: Any) -> bool:
    """Return True if a value of ``type_`` can hold plain bytes, in which there may be anything."""
    return any(isinstance(part, inspect.BytesType) for part in _parts(inspect.type_info(type_)))


@cache
def secret_keys(type_: Any) -> frozenset[str]:
    """Return the wire keys of the secrets in a value of ``type_``, at any depth."""
    return frozenset(
        field.encode_name
        for part in _parts(inspect.type_info(type_))
        if isinstance(part, inspect.StructType)
        for field in part.fields
        if _is_secret(field.type)
    )


def _is_secret(type_: inspect.Type) -> bool:
    return isinstance(type_, inspect.Metadata) and bool((type_.extra or {}).get("secret"))


def _parts(type_: inspect.Type) -> Iterator[inspect.Type]:
    """Yield ``type_`` and every type inside it. No DMS type contains itself."""
    yield type_
    match type_:
        case inspect.Metadata(type=inner):
            yield from _parts(inner)
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from _parts(field.type)
        case inspect.ListType(item_type=inner):
            yield from _parts(inner)
        case inspect.DictType(value_type=inner):
            yield from _parts(inner)
        case inspect.UnionType(types=alternatives):
            for inner in alternatives:
                yield from _parts(inner)
