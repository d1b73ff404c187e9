"""Bring a server to the declaration, or tell where it differs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from dms_events.errors import ConfigError, SinkError

from ..names import Names
from .cluster import Cluster, Index
from .compare import Difference, State, compared, flat, our_version
from .declaration import ElasticsearchSetup
from .indices import differing_fields, dynamic_options, missing_fields, types_of_indices
from .shards import ShardCount
from .templates import (
    PRIORITY,
    common_component,
    fields_of_index,
    index_templates,
    policy,
    rivals_of_ours,
    settings_component,
)

__all__ = ["Reconciliation"]

_NEW_INDEX: Final = "it takes a new index: the next month's has it; reindex this one, or leave it"
_WRITTEN: Final[frozenset[State]] = frozenset({"missing", "outdated"})
_OVERWRITTEN: Final[frozenset[State]] = _WRITTEN | {"changed"}
_FIXED: Final = frozenset({"number_of_shards"})
"""Settings of an index that never change."""
_NO_POLICIES: Final = (
    "the server has no lifecycle policies: leave out --retention, and delete old indices otherwise"
)


class Reconciliation:
    """Compares a server with a declaration, and applies what is declared.

    Args:
        cluster: where it is.
        declared: the declaration.
        apply: False to compare only.
        overwrite: also set what somebody else changed.

    Raises:
        ConfigError: the server cannot have a declared setting.
    """

    def __init__(
        self, cluster: Cluster, declared: ElasticsearchSetup, *, apply: bool, overwrite: bool
    ) -> None:
        if cluster.serverless and (declared.shards, declared.replicas) != (None, None):
            raise ConfigError(
                "replicas", "Serverless has no shards and replicas of yours: leave them out"
            )
        self._cluster = cluster
        self._declared = declared
        self._names: Names = declared.names
        self._apply = apply
        self._overwrite = overwrite
        self._options: dict[str, Any] = {}
        self._has_policies = False
        self._foreign: set[str] = set()
        self.found: list[Difference] = []

    async def run(self) -> list[Difference]:
        """Return the differences found, with ``applied`` for those that are gone now.

        Raises:
            SinkError: something cannot be read, or a template or the policy cannot be written.
        """
        self._has_policies = await self._cluster.has_policies()
        await self._policy()
        await self._components()
        await self._templates()
        await self._indices()
        return self.found

    async def shards(self) -> ShardCount | None:
        """Return the count of shards after `run`; None if the server does not tell, as Serverless.

        Raises:
            SinkError: something cannot be read.
        """
        counted = await self._cluster.shards()
        if counted is None:
            return None
        indices = await self._cluster.indices(self._names)
        types = {type_name for _, type_name in types_of_indices(self._names, indices)}
        return ShardCount.of(*counted, len(types), self._options)

    async def _policy(self) -> None:
        if (days := self._declared.retention_days) is None:
            return
        name = self._names.policy
        if not self._has_policies:
            place = f"policy {name}"
            self.found.append(
                Difference(place=place, state="refused", declared=f"{days}d", fix=_NO_POLICIES)
            )
            return
        body = policy(days)
        differences = compared(f"policy {name}", body, await self._cluster.policy(name))
        await self._settle(differences, partial(self._cluster.put_policy, name, body))

    async def _components(self) -> None:
        components = await self._cluster.components()
        name = self._names.settings
        installed = components.get(name)
        ours = installed if installed and our_version(installed) is not None else {}
        options = ours.get("template", {}).get("settings", {}).get("index", {})
        self._options = self._declared.options(options, policies=self._has_policies)
        for name, body in (
            (self._names.common, common_component()),
            (self._names.settings, settings_component(self._options)),
        ):
            differences = compared(f"component template {name}", body, components.get(name))
            await self._settle(differences, partial(self._cluster.put_component, name, body))

    async def _templates(self) -> None:
        templates = await self._cluster.templates()
        wanted = index_templates(self._names)
        for rival in rivals_of_ours(templates, self._names):
            fix = (
                f"lower its priority below {PRIORITY}, narrow its pattern, or use another --prefix"
            )
            self.found.append(
                Difference(
                    place=f"index template {rival.name}",
                    setting="priority",
                    declared=f"below {PRIORITY}, since {rival.pattern} takes {rival.over}",
                    actual=str(rival.priority),
                    state="refused",
                    fix=fix,
                )
            )
        differences = {
            name: compared(f"index template {name}", body, templates.get(name))
            for name, body in wanted.items()
        }
        self._foreign = {
            name
            for name in wanted.keys() & templates.keys()
            if our_version(templates[name]) is None
        }
        todo = {name: wanted[name] for name, found in differences.items() if self._may(found)}
        if todo and self._apply:
            await self._cluster.put_templates(todo)
        for name, found in differences.items():
            self.found += _applied(found) if name in todo and self._apply else found

    async def _indices(self) -> None:
        indices = await self._cluster.indices(self._names)
        for index, type_name in types_of_indices(self._names, indices):
            if index.rpartition("-")[0] in self._foreign:
                continue
            await self._fields(index, indices[index], type_name)
            await self._settings(index, indices[index])
            await self._aliases(index, indices[index])

    async def _fields(self, index: str, has: Index, type_name: str) -> None:
        wanted = fields_of_index(type_name)
        if (dynamic := str(has.mappings.get("dynamic", "true"))) != "strict":
            difference = self._about(index, "dynamic", "strict", dynamic)
            await self._settle_index([difference], partial(self._cluster.make_strict, index))
        if missing := missing_fields(wanted, has.properties):
            differences = [
                self._about(index, f"field {name}", flat(field).get("type", "object"), "")
                for name, field in missing.items()
            ]
            await self._settle_index(differences, partial(self._cluster.add_fields, index, missing))
        for one in differing_fields(wanted, has.properties):
            path = f"field {one.path}, {one.parameter}"
            difference = self._about(index, path, one.declared, one.actual)
            if not one.changeable:
                difference = _refused(difference, _NEW_INDEX)
            change = partial(self._cluster.add_fields, index, _only(wanted, one.path))
            await self._settle_index([difference], change)

    async def _settings(self, index: str, has: Index) -> None:
        actual = flat(has.options)
        wanted = dynamic_options(self._options, index, dated=not self._cluster.serverless)
        changed = {path: value for path, value in wanted.items() if actual.get(path) != value}
        for path, value in changed.items():
            difference = self._about(index, path, value, actual.get(path, ""))
            if path in _FIXED:
                difference = _refused(difference, _NEW_INDEX)
            change = partial(self._cluster.set_options, index, {path: value})
            await self._settle_index([difference], change)

    async def _aliases(self, index: str, has: Index) -> None:
        wanted = [index.rpartition("-")[0], self._names.everything]
        if missing := [alias for alias in wanted if alias not in has.aliases]:
            differences = [self._about(index, f"alias {alias}", alias, "") for alias in missing]
            await self._settle_index(
                differences, partial(self._cluster.add_aliases, index, missing)
            )

    @staticmethod
    def _about(index: str, setting: str, declared: str, actual: str) -> Difference:
        return Difference(
            place=f"index {index}",
            setting=setting,
            declared=declared,
            actual=actual,
            state="outdated",
        )

    async def _settle(
        self, differences: Sequence[Difference], put: Callable[[], Awaitable[None]]
    ) -> None:
        """Record the differences of one thing, and write it if that is wanted and may be."""
        if self._apply and self._may(differences):
            await put()
            differences = _applied(differences)
        self.found += differences

    async def _settle_index(
        self, differences: Sequence[Difference], put: Callable[[], Awaitable[None]]
    ) -> None:
        """The same for an index: one that is blocked or closed is no reason to leave out the others."""
        try:
            await self._settle(differences, put)
        except SinkError as error:
            if not 400 <= getattr(error.__cause__, "status_code", 0) < 500:
                raise
            self.found += [_refused(one, str(error)) for one in differences]

    def _may(self, differences: Sequence[Difference]) -> bool:
        """True if there is something to write, and no difference forbids it."""
        states = {one.state for one in differences}
        return bool(states) and states <= (_OVERWRITTEN if self._overwrite else _WRITTEN)


def _applied(differences: Sequence[Difference]) -> list[Difference]:
    return [msgspec.structs.replace(one, applied=True) for one in differences]


def _refused(difference: Difference, fix: str) -> Difference:
    return msgspec.structs.replace(difference, state="refused", fix=fix)


def _only(properties: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the mapping of the one field at ``path``."""
    first, _, rest = path.partition(".")
    field = properties[first]
    return {first: {"properties": _only(field["properties"], rest)} if rest else field}
