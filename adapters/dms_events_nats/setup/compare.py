"""Compare a declared configuration with the server's: drift, and who changed a setting.

The settings that were applied are recorded in the metadata of the stream or consumer. A setting that
still has its recorded value is ours to change. Another value was set by somebody else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import msgspec

from ..subjects import partitions_of

__all__ = ["DesiredConfig", "Difference", "State", "compare", "creation", "described", "merged"]

State = Literal["missing", "outdated", "changed", "refused"]

RECORD: Final = "dms-events.applied"
_NAMES: Final = {
    "num_replicas": "replicas",
    "max_msgs": "max_messages",
    "max_age": "max_age_s",
    "duplicate_window": "duplicate_window_s",
    "subject_transform": "partitions",
    "filter_subjects": "types",
    "ack_wait": "ack_wait_s",
    "deliver_policy": "start",
}


class DesiredConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The desired configuration of a stream or consumer, in the server's keys and units."""

    stream: str
    consumer: str = ""
    section: str
    """The section of the declaration: ``events``, ``durables.billing``."""
    declared: dict[str, Any]
    defaults: dict[str, Any]
    """Settings that a new stream or consumer gets beside the declared ones."""
    fixes: dict[str, str]
    """Settings that are never changed on an existing stream or consumer, each with what to do instead."""

    @property
    def place(self) -> str:
        """The name that people are shown."""
        return f"durable {self.consumer}" if self.consumer else f"stream {self.stream}"

    def setting(self, keys: Collection[str] = ()) -> str:
        """The path of the declared settings ``keys``; without keys, of the section."""
        names = sorted(_NAMES.get(key, key) for key in keys)
        return f"{self.section}.{', '.join(names)}" if names else self.section


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between the server and the declaration.

    ``state`` is ``missing`` (not there yet), ``outdated`` (we set the value, and the declaration changed
    since), ``changed`` (somebody else set the value, or we never did) or ``refused`` (never changed on an
    existing stream or durable; ``fix`` says what to do).
    """

    place: str
    """For example ``stream DMS_EVENTS`` or ``durable billing``."""
    setting: str
    """As in `NatsSetup`; empty if the whole stream or durable is missing."""
    declared: str
    actual: str
    state: State
    fix: str = ""
    applied: bool = False
    """True if `apply_setup` changed it to the declared value."""


def compare(target: DesiredConfig, actual: Mapping[str, Any]) -> dict[str, State]:
    """Return the declared settings that differ from the server's configuration."""
    applied = _record(actual)
    states: dict[str, State] = {}
    for key, value in target.declared.items():
        found = _found(key, actual)
        if found == value:
            continue
        if key in target.fixes:
            states[key] = "refused"
        else:
            ours = key in applied and applied[key] == found
            states[key] = "outdated" if ours else "changed"
    return states


def described(
    target: DesiredConfig, actual: Mapping[str, Any], key: str, state: State, applied: bool
) -> Difference:
    """A difference for people to read."""
    return Difference(
        place=target.place,
        setting=_NAMES.get(key, key),
        declared=_text(key, target.declared[key]),
        actual=_text(key, _found(key, actual)),
        state=state,
        fix=target.fixes.get(key, "") if state == "refused" else "",
        applied=applied,
    )


def creation(target: DesiredConfig) -> dict[str, Any]:
    """Return the configuration of a new stream or consumer, with the record of its settings."""
    settings = target.defaults | target.declared
    name = {"durable_name": target.consumer} if target.consumer else {"name": target.stream}
    return _put(name, settings, settings)


def merged(
    target: DesiredConfig, actual: Mapping[str, Any], keys: Collection[str]
) -> dict[str, Any] | None:
    """Return the server's whole configuration with ``keys`` as declared; None if it needs no update.

    Settings that already are as declared are recorded as ours from now on.
    """
    applied = _record(actual)
    record = applied | {
        key: value
        for key, value in target.declared.items()
        if key in keys or _found(key, actual) == value
    }
    if not keys and record == applied:
        return None
    return _put(actual, {key: target.declared[key] for key in keys}, record)


def _put(
    config: Mapping[str, Any], settings: Mapping[str, Any], record: Mapping[str, Any]
) -> dict[str, Any]:
    put = {key: value for key, value in {**config, **settings}.items() if value is not None}
    noted = msgspec.json.encode(record, order="sorted").decode()
    return put | {"metadata": {**(config.get("metadata") or {}), RECORD: noted}}


def _record(actual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings applied last; empty if unreadable, so that no setting counts as ours."""
    try:
        return msgspec.json.decode((actual.get("metadata") or {}).get(RECORD, "{}"), type=dict)
    except msgspec.DecodeError:
        return {}


def _found(key: str, actual: Mapping[str, Any]) -> Any:
    """Return the server's value of a setting, in the form in which it is declared."""
    value = actual.get(key)
    if key == "filter_subjects":
        return sorted(value or [actual.get("filter_subject") or ">"])
    if key == "subjects":
        return sorted(value or [])
    if key in ("max_msgs", "max_bytes", "max_deliver"):
        return value or -1
    return value or 0 if key == "max_age" else value


def _text(key: str, value: Any) -> str:
    if key == "subject_transform":
        partitions = partitions_of(value)
        return f"{value['src']} → {value['dest']}" if partitions is None else str(partitions)
    if isinstance(value, list):
        return ", ".join(value)
    if key in ("max_age", "duplicate_window", "ack_wait"):
        return f"{value / 1e9:.9f}".rstrip("0").rstrip(".")
    return "none" if value is None else str(value)
