"""The Structs against Go's own schema, field by field, so that drift is a failing test."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from dms_events import registry
from dms_events.types._enums import OpenIntEnum, OpenStrEnum
from dms_events.types._wire import FLOAT32_LIMIT, ZERO_TIME, StatsEvent, from_wire, to_wire
from dms_events.types.machine import ContainerImages
from dms_events.types.network_config import Multiaddr, PrivateKey, Scheduler
from dms_events.types.types import BaseDBModel
from tests.kit.paths import TESTS

SCHEMA = json.loads((TESTS / "golden" / "schema.json").read_text())
SECTIONS = {"elk": "elk_stats", "executor": "execution"}


def name_of(golden: str) -> str:
    """The registry name of what the schema calls ``<section>.<GoName>``."""
    section, _, go_name = golden.partition(".")
    return f"{SECTIONS.get(section, section)}.{go_name}"


GO = {name_of(declared["type"]): declared for declared in SCHEMA["types"]}
GO_STRUCTS = [name for name, declared in GO.items() if declared["go_kind"] == "struct"]
OTHERS = sorted(GO.keys() - GO_STRUCTS)

SNAKE_CASE_OF = {"PKey": "pkey", "MHzPerCore": "mhz_per_core"}
"""Names that no rule for capitals gets right."""


def snake_case(go_name: str) -> str:
    plural = re.sub(r"([A-Z])s$", r"\1S", go_name)
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+", plural)
    words = "_".join(parts).lower()
    return SNAKE_CASE_OF.get(go_name, words)


def struct_of(type_: Any) -> inspect.StructType:
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return info


def bare(type_: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """A type without its metadata, and the ``extra`` of that."""
    extra: dict[str, Any] = {}
    while isinstance(type_, inspect.Metadata):
        extra |= type_.extra or {}
        type_ = type_.type
    return type_, extra


def is_optional(type_: inspect.Type, cls: type) -> bool:
    """Whether it is ``cls | None``."""
    if not isinstance(type_, inspect.UnionType):
        return False
    kinds = [bare(t)[0] for t in type_.types]
    if not any(isinstance(k, inspect.NoneType) for k in kinds) or len(kinds) != 2:
        return False
    other = next(k for k in kinds if not isinstance(k, inspect.NoneType))
    return (isinstance(other, inspect.DateTimeType) and cls is datetime and other.tz is True) or (
        isinstance(other, (inspect.CustomType, inspect.StructType)) and other.cls is cls
    )


RANGES = {
    ("int", 64): (-(2**63), 2**63 - 1),
    ("int", 32): (-(2**31), 2**31 - 1),
    ("uint", 64): (0, 2**64 - 1),
}


def agrees(type_: inspect.Type, wire: dict[str, Any]) -> bool:  # noqa: PLR0912
    """Whether a Python annotation means what the schema's ``wire`` says."""
    plain, extra = bare(type_)
    if isinstance(plain, inspect.EnumType):
        open_enum = {"string": OpenStrEnum, "int": OpenIntEnum}[wire["kind"]]
        return issubclass(plain.cls, open_enum) and ("ref" not in wire or refers(plain.cls, wire))
    match wire["kind"]:
        case "string":
            return isinstance(plain, inspect.StrType)
        case "bool":
            return isinstance(plain, inspect.BoolType)
        case "bytes":
            return isinstance(plain, inspect.BytesType)
        case "any":
            return isinstance(plain, inspect.AnyType)
        case "error":
            return isinstance(plain, inspect.NoneType)
        case "duration":
            return agrees(type_, {"kind": "int", "bits": 64})
        case "time":
            return isinstance(plain, inspect.DateTimeType) and plain.tz is True
        case "nulltime":
            return is_optional(plain, datetime)
        case "privkey":
            return is_optional(plain, PrivateKey)
        case "multiaddr":
            return is_optional(plain, Multiaddr)
        case "opaque":
            return is_optional(plain, Scheduler)
        case "int" | "uint" as kind:
            if not isinstance(plain, inspect.IntType):
                return False
            high = extra["le"] if plain.le is None else plain.le
            return (plain.ge, high) == RANGES[kind, wire["bits"]]
        case "float":
            limit = FLOAT32_LIMIT if wire["bits"] == 32 else None
            return isinstance(plain, inspect.FloatType) and plain.lt == limit
        case "slice":
            return isinstance(plain, inspect.ListType) and agrees(plain.item_type, wire["elem"])
        case "map":
            return (
                isinstance(plain, inspect.DictType)
                and isinstance(plain.key_type, inspect.StrType)
                and agrees(plain.value_type, wire["elem"])
            )
        case "struct":
            if not isinstance(plain, inspect.StructType):
                return False
            return refers(plain.cls, wire) if "ref" in wire else differences(plain, wire) == []
    raise AssertionError(wire)


def refers(type_: Any, wire: dict[str, Any]) -> bool:
    return type_ is registry.get(name_of(wire["ref"]))


def differences(struct: inspect.StructType, go: dict[str, Any]) -> list[str]:
    """What differs between a Struct and Go's fields of it: names, keys, order, kinds, ranges."""
    found = []
    mine = [(f.name, f.encode_name) for f in struct.fields]
    theirs = [(snake_case(f["name"]), f["key"]) for f in go["fields"]]
    if mine != theirs:
        return [f"{mine} is not {theirs}"]
    for field, declared in zip(struct.fields, go["fields"], strict=True):
        if not agrees(field.type, declared["wire"]):
            found.append(f"{field.name}: {field.type} is not {declared['wire']}")
    return found


def test_the_registry_knows_every_type_of_the_schema() -> None:
    assert len(GO) == 82
    assert GO.keys() <= set(registry.names())


@pytest.mark.parametrize("name", GO_STRUCTS)
def test_a_struct_has_gos_fields_in_gos_order(name: str) -> None:
    assert differences(struct_of(registry.get(name)), GO[name]) == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_named_type_is_what_go_names(name: str) -> None:
    assert agrees(inspect.type_info(registry.get(name)), GO[name]["wire"])


@pytest.mark.parametrize("name", GO_STRUCTS)
def test_only_a_struct_whose_every_field_is_omitempty_leaves_zero_values_out(name: str) -> None:
    fields = GO[name]["fields"]
    everything_is_optional = bool(fields) and all(f["omitempty"] for f in fields)
    assert registry.get(name).__struct_config__.omit_defaults == everything_is_optional


@pytest.mark.parametrize("name", GO_STRUCTS)
def test_an_embedded_base_model_that_stands_first_is_inherited(name: str) -> None:
    declared = GO[name]["decl"]
    embeds = bool(declared) and declared[0]["name"] == "BaseDBModel"
    assert issubclass(registry.get(name), BaseDBModel) == (embeds or name == "types.BaseDBModel")


def test_the_base_model_of_gorm_has_a_number_as_its_id() -> None:
    assert ContainerImages().id == 0
    assert not issubclass(ContainerImages, BaseDBModel)


@pytest.mark.parametrize("name", GO_STRUCTS)
def test_what_is_not_given_is_gos_zero_value(name: str) -> None:
    type_ = registry.get(name)
    if issubclass(type_, StatsEvent):
        with pytest.raises(TypeError, match="Missing required argument"):
            type_()
        return
    written = json.loads(msgspec.json.encode(type_(), enc_hook=to_wire))
    assert written == without_nil(json.loads(GO[name]["zero"]), struct_of(type_))


def without_nil(zero: dict[str, Any], struct: inspect.StructType) -> dict[str, Any]:
    """Go's zero value with its nil slices, maps and bytes as the empty ones that Python writes."""
    empty = {inspect.ListType: [], inspect.DictType: {}, inspect.BytesType: ""}
    result = dict(zero)
    for field in struct.fields:
        plain, _ = bare(field.type)
        if field.encode_name not in zero:
            if not struct.cls.__struct_config__.omit_defaults:
                result[field.encode_name] = json.loads(msgspec.json.encode(field_default(field)))
        elif isinstance(plain, inspect.StructType):
            result[field.encode_name] = without_nil(zero[field.encode_name], plain)
        elif zero[field.encode_name] is None:
            result[field.encode_name] = empty.get(type(plain))
    return result


def field_default(field: inspect.Field) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


@pytest.mark.parametrize("name", [n for n in GO_STRUCTS if not n.startswith("elk_stats.")])
def test_an_empty_object_is_the_zero_value(name: str) -> None:
    type_ = registry.get(name)
    assert msgspec.json.decode(b"{}", type=type_, dec_hook=from_wire) == type_()


def test_the_zero_time_is_gos() -> None:
    assert msgspec.json.encode(ZERO_TIME) == b'"0001-01-01T00:00:00Z"'


@pytest.mark.parametrize("name", registry.names())
def test_every_type_says_what_it_is(name: str) -> None:
    type_ = registry.get(name)
    if isinstance(type_, type):
        assert type_.__doc__
        assert type_.__doc__ != type_.__mro__[1].__doc__
