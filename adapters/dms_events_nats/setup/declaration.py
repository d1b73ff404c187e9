"""The declaration of streams and durables, from a TOML file or from Python."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

import msgspec
from msgspec import Meta

from dms_events import registry
from dms_events.errors import ConfigError, UnknownTypeError
from dms_events.names import check_durable, checked_root

__all__ = ["DurableSetup", "EventsSetup", "NatsSetup", "StreamSetup"]

T = TypeVar("T", bound=msgspec.Struct)

_MOST: Final = 2**63 - 1
_YEARS: Final = 9_000_000_000.0
_AT = re.compile(r"(.*) - at `\$\.?([^`]*)`", re.DOTALL)

Limit = Annotated[int, Meta(ge=-1, le=_MOST)]


class StreamSetup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The declaration of a stream.

    A setting that is None is not declared: an existing stream keeps its value, a new one gets the
    default. Every stream keeps its messages (``retention: limits``), and refuses new ones when it is
    full (``discard: new``), because the transport promises that.
    """

    storage: Literal["file", "memory"] | None = None
    """Default ``"file"``. The server cannot change it later."""
    replicas: Annotated[int, Meta(ge=1, le=5)] | None = None
    """The number of servers in a cluster that store the stream. Default 1."""
    max_messages: Limit | None = None
    """-1 is no limit, which is the default."""
    max_bytes: Limit | None = None
    """-1 is no limit, which is the default."""
    max_age_s: Annotated[float, Meta(ge=0, le=_YEARS)] | None = None
    """Older messages are deleted, read or not. 0, the default, keeps them for ever."""
    duplicate_window_s: Annotated[float, Meta(ge=0.1, le=_YEARS)] | None = None
    """How long the server remembers identities. Default 120, or ``max_age_s`` where that is less."""


class EventsSetup(StreamSetup, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The declaration of the events stream."""

    partitions: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    """The server appends the number of a partition to the subject of each event that it stores:
    ``<root>.events.<module>.<Type>.<source>.<0…partitions-1>``. All events of a source have the same
    number. 0, the default, turns it off. Events that are stored already keep their subject."""


class DurableSetup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The declaration of a durable: the consumer that ``subscribe(…, durable=…)`` reads with."""

    types: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Types and patterns, as `dms_events.Bus.subscribe` takes them. They are never changed later."""
    ack_wait_s: Annotated[float, Meta(gt=0, le=_YEARS)] | None = None
    """Default 60."""
    start: Literal["all", "new"] | None = None
    """Where a new durable starts. Default ``"all"``. The server cannot change it later."""


class NatsSetup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The streams of one root, and the durables that read its events.

    Durables that are not declared here are left alone.
    """

    root: str = "dms"
    events: EventsSetup = EventsSetup()
    dead: StreamSetup = StreamSetup()
    durables: dict[str, DurableSetup] = {}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a TOML file.

        Raises:
            ConfigError: the file cannot be read, or a setting is wrong; ``setting`` is the file, and the
                path of the key in it.
        """
        try:
            raw = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(str(path), error.strerror or str(error)) from error
        except ValueError as error:
            raise ConfigError(str(path), f"is not TOML: {error}") from error
        try:
            return cls._read(raw)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error.setting}", error.reason) from error

    def checked(self) -> Self:
        """Return this setup with every setting checked, and each type under its name in the registry.

        Raises:
            ConfigError: a setting is not valid; ``setting`` is its path, for example ``events.replicas``.
        """
        return self._read(msgspec.to_builtins(self))

    @classmethod
    def _read(cls, raw: dict[str, Any]) -> Self:
        # msgspec does not say which key of a dict has the error, so durables are converted one by one.
        named = raw.get("durables", {})
        if not isinstance(named, dict):
            raise ConfigError("durables", "write one table for each durable, [durables.<name>]")
        setup = _converted({**raw, "durables": {}}, cls, "")
        checked_root(setup.root)
        durables = {name: _durable(name, given) for name, given in named.items()}
        return msgspec.structs.replace(setup, durables=durables)


def _durable(name: str, given: Any) -> DurableSetup:
    path = f"durables.{name}"
    check_durable(name, setting=path)
    durable = _converted(given, DurableSetup, path)
    try:
        found = {pattern: registry.matching(pattern) for pattern in durable.types}
    except UnknownTypeError as error:
        raise ConfigError(f"{path}.types", str(error)) from error
    types = tuple(p if "*" in p else names[0] for p, names in found.items())
    return msgspec.structs.replace(durable, types=types)


def _converted(given: Any, type_: type[T], path: str) -> T:
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        said = _AT.fullmatch(str(error))
        reason, inner = said.groups() if said else (str(error), "")
        reason = reason.replace(" | null", "")  # which TOML does not have
        if reason.startswith("Object contains unknown field"):
            of = {"events": EventsSetup, "dead": StreamSetup}.get(inner, type_)
            reason += f"; there are {', '.join(of.__struct_fields__)}"
        raise ConfigError(".".join(filter(None, (path, inner))) or "setup", reason) from error
