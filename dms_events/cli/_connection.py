"""The connection of a command to a bus. Each option is declared once, with the scheme of its URL."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from ..bus import Bus
from ..errors import ConfigError
from ..urls import connect, scheme_of
from ._given import Given, takes
from ._libp2p_options import Libp2p
from ._schemes import Nats, Scheme, option

__all__ = ["Connection", "connects"]

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound=msgspec.Struct)

_SCHEMES: Final = {each.name: each for each in (Nats, Libp2p)}


class _Place(msgspec.Struct, frozen=True):
    """The options of all schemes."""

    url: Annotated[str, option("Connection", "--url", "URL of the NATS server.")] = (
        "nats://127.0.0.1:4222"
    )
    root: Annotated[
        str | None,
        option(
            "Connection",
            "--root",
            "First part of the names (subjects, topics) under which events are published.",
            default="dms",
        ),
    ] = None


class Connection:
    """The place of a command's bus, and the options for reaching it.

    Args:
        schemes: the schemes that the command can use.
        given: the options of the command.

    Raises:
        ConfigError: the command cannot use the scheme of the URL, or a flag belongs to another scheme.
    """

    def __init__(self, schemes: tuple[type[Scheme], ...], given: Given) -> None:
        self.url: str = given.values["url"]
        self.root: str | None = given.values["root"]
        """None leaves it to the transport, which may have no roots."""
        self.given = given
        name = scheme_of(self.url)
        for other in schemes:
            if other.name != name and (flag := given.flag_of(other)):
                begin = f"begins with {name}://" if name else "has no scheme"
                raise ConfigError(
                    flag, f"is an option for {other.name}:// only, but the URL {begin}"
                )
        able = {each.name: each for each in schemes}
        if name in _SCHEMES and name not in able:
            known = " and ".join(f"{each}://" for each in able)
            raise ConfigError("url", f"this command takes only {known}; {_SCHEMES[name].lacks}")
        self._scheme = able.get(name, Scheme)

    def bus(self, *, source: str = "", wait: bool = False) -> Bus:
        """Return a bus that is not open yet.

        Args:
            source: peer id of the publisher.
            wait: try again for a while if the server does not listen, since it may be starting.
        """
        options = self.of(self._scheme).adapter_options(wait=wait)
        if self.root is not None:
            options["root"] = self.root
        return connect(self.url, source=source, **options)

    def of(self, group: type[S]) -> S:
        """Return the options of a scheme or of another group."""
        return self.given.of(group)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make another command connect in the same way."""
        return {
            variable: " ".join(value) if isinstance(value, list) else str(value)
            for name, variable in self.given.variables.items()
            if (value := self.given.values[name]) is not None
        }


def connects(
    *schemes: type[Scheme],
    first: tuple[type[msgspec.Struct], ...] = (),
    beside: tuple[type[msgspec.Struct], ...] = (),
    **other: Any,
) -> Callable[[F], Callable[..., Any]]:
    """Give a command the options of a `Connection`. The command gets the connection as first argument.

    Args:
        schemes: the schemes that the command can use.
        first: groups of other options, which come first in the help. `Connection.of` returns them.
        beside: options of the command's second bus or of its sink. `Connection.of` returns them.
        other: by field name, an option with its default that replaces the field's own.
    """
    groups: tuple[type[msgspec.Struct], ...] = (*first, _Place, *schemes, *beside)
    return takes(*groups, made=functools.partial(Connection, schemes), **other)
