"""Groups of options: each a Struct whose annotated fields become options of a command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar, get_origin, get_type_hints

import msgspec
import typer

from ..errors import ConfigError

__all__ = ["Given", "takes"]

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound=msgspec.Struct)

_OPTIONS: Final = {
    "api_key": "api_key_file",
    "basic_auth": "user",
    "bearer_auth": "token_file",
    "wanted": "type_",
}
"""Settings in Python whose option has another name."""


class Given:
    """The options of a command as they were given.

    Args:
        values: the values of all options, by field name.
        flags: the flags that were given on the command line, by field name.
        variables: the names of the environment variables, by field name.
    """

    def __init__(
        self, values: Mapping[str, Any], flags: Mapping[str, str], variables: Mapping[str, str]
    ) -> None:
        self.values = values
        self.flags = flags
        self.variables = variables

    def of(self, group: type[S]) -> S:
        """Return the options of a group."""
        fields = set(group.__struct_fields__) & set(self.values)
        return group(**{field: self.values[field] for field in fields})

    def flag_of(self, group: type[msgspec.Struct]) -> str | None:
        """Return the first flag of a group that was given on the command line."""
        found = (self.flags[name] for name in group.__struct_fields__ if name in self.flags)
        return next(found, None)


def takes(
    *groups: type[msgspec.Struct], made: Callable[[Given], Any] = lambda given: given, **other: Any
) -> Callable[[F], Callable[..., Any]]:
    """Give a command the options of groups.

    Args:
        groups: in the order of the help. A field without ``Annotated`` is an option only in ``other``.
        made: makes the command's first argument from the options.
        other: by field name, an option with its default that replaces the field's own.
    """
    options: dict[str, Any] = {}
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
        def taking(context: typer.Context, **given: Any) -> Any:
            fields = {name: given.pop(name) for name in options}
            known = {each.name: each for each in context.command.params if each.name in options}
            flags = {
                name: each.opts[0]
                for name, each in known.items()
                if (source := context.get_parameter_source(name)) and source.name == "COMMANDLINE"
            }
            variables = {name: str(each.envvar) for name, each in known.items() if each.envvar}
            try:
                return command(**{first.name: made(Given(fields, flags, variables))}, **given)
            except ConfigError as error:
                name = _name_of(error.setting, context)
                raise ConfigError(name, error.reason) from error

        kind = inspect.Parameter.KEYWORD_ONLY
        context = inspect.Parameter("context", kind, annotation=typer.Context)
        own = [one.replace(kind=kind) for one in own]
        signature = inspect.Signature([context, *own, *parameters])
        taking.__signature__ = signature  # type: ignore[attr-defined]
        taking.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
        return taking

    return decorate


def _name_of(setting: str, context: typer.Context) -> str:
    """Return the flag of a setting, or its variable if that was given; without an option its own name."""
    wanted = _OPTIONS.get(setting, setting)
    for each in context.command.params:
        if each.name == wanted and each.opts[0].startswith("-"):
            source = context.get_parameter_source(wanted)
            by_variable = source is not None and source.name == "ENVIRONMENT"
            return str(each.envvar) if by_variable else each.opts[0]
    return setting
