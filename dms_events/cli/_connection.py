"""The connection of a command to a bus. Each option is declared once, with the scheme of its URL."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar, get_origin, get_type_hints

import msgspec
import typer

from ..bus import Bus
from ..errors import ConfigError
from ..urls import connect, scheme_of
from ._schemes import Libp2p, Nats, Scheme, option

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
        str,
        option(
            "Connection",
            "--root",
            "First part of the names (subjects, topics) under which events are published.",
        ),
    ] = "dms"


class Connection:
    """The place of a command's bus, and the options for reaching it.

    Args:
        schemes: the schemes that the command can use.
        given: the values of all options, by field name.
        flags: the flags that were given on the command line, by field name.
        variables: the names of the environment variables, by field name.

    Raises:
        ConfigError: the command cannot use the scheme of the URL, or a flag belongs to another scheme.
    """

    def __init__(
        self,
        schemes: tuple[type[Scheme], ...],
        given: Mapping[str, Any],
        flags: Mapping[str, str],
        variables: Mapping[str, str],
    ) -> None:
        self.url: str = given["url"]
        self.root: str = given["root"]
        self._given = given
        self._variables = variables
        name = scheme_of(self.url)
        for other in schemes:
            for field in other.__struct_fields__:
                if field in flags and other.name != name:
                    begin = f"begins with {name}://" if name else "has no scheme"
                    reason = f"is an option for {other.name}:// only, but the URL {begin}"
                    raise ConfigError(flags[field], reason)
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
        return connect(self.url, source=source, root=self.root, **options)

    def of(self, group: type[S]) -> S:
        """Return the options of a scheme or of another group."""
        fields = set(group.__struct_fields__) & set(self._given)
        return group(**{field: self._given[field] for field in fields})

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make another command connect in the same way."""
        return {
            variable: " ".join(value) if isinstance(value, list) else str(value)
            for name, variable in self._variables.items()
            if (value := self._given[name]) is not None
        }


def connects(
    *schemes: type[Scheme],
    first: tuple[type[msgspec.Struct], ...] = (),
    beside: tuple[type[Scheme], ...] = (),
    **other: Any,
) -> Callable[[F], Callable[..., Any]]:
    """Give a command the options of a `Connection`. The command gets the connection as first argument.

    Args:
        schemes: the schemes that the command can use.
        first: groups of other options, which come first in the help. `Connection.of` returns them.
        beside: schemes of the command's second bus. `Connection.of` returns their options.
        other: by field name, an option with its default that replaces the field's own.
    """
    options: dict[str, Any] = {}
    groups: tuple[type[msgspec.Struct], ...] = (*first, _Place, *schemes, *beside)
    for group in groups:
        hints = get_type_hints(group, include_extras=True)
        for field in msgspec.structs.fields(group):
            if field.name in other:
                options[field.name] = other[field.name]
            elif get_origin(hints[field.name]) is Annotated:
                options[field.name] = (hints[field.name], field.default)
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=default)
        for name, (hint, default) in options.items()
    ]

    def decorate(command: F) -> Callable[..., Any]:
        first, *own = inspect.signature(command, eval_str=True).parameters.values()

        @functools.wraps(command)
        def connected(context: typer.Context, **given: Any) -> Any:
            fields = {name: given.pop(name) for name in options}
            known = {each.name: each for each in context.command.params if each.name in options}
            flags = {
                name: each.opts[0]
                for name, each in known.items()
                if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
            }
            variables = {name: str(each.envvar) for name, each in known.items() if each.envvar}
            connection = Connection(schemes, fields, flags, variables)
            return command(**{first.name: connection}, **given)

        kind = inspect.Parameter.KEYWORD_ONLY
        context = inspect.Parameter("context", kind, annotation=typer.Context)
        own = [one.replace(kind=kind) for one in own]
        signature = inspect.Signature([context, *own, *parameters])
        connected.__signature__ = signature  # type: ignore[attr-defined]
        connected.__annotations__ = {
            one.name: one.annotation for one in signature.parameters.values()
        }
        return connected

    return decorate
