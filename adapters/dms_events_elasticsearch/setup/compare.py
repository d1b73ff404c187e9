"""Compare a declared template, policy or mapping with the server's, setting by setting."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

__all__ = ["Difference", "State", "compared", "digest", "flat", "marked", "our_version"]

State = Literal["missing", "outdated", "changed", "refused"]

_MARK: Final = "dms_events"
_APPLIED: Final = "applied"
_NOT_OURS: Final = frozenset(
    {"_meta", "created_date", "created_date_millis", "modified_date", "modified_date_millis"}
)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between the server and the declaration.

    ``state`` is ``missing`` (not there yet), ``outdated`` (we set the value, and the declaration changed
    since), ``changed`` (somebody else set the value) or ``refused`` (never changed by this command;
    ``fix`` says what to do).
    """

    place: str
    """For example ``index template dms-elk_stats.service_call``."""
    setting: str = ""
    """Path of the setting or field; empty if the whole thing is missing."""
    declared: str = ""
    actual: str = ""
    state: State
    fix: str = ""
    applied: bool = False
    """True if `apply_setup` changed it to the declared value."""


def flat(tree: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Return the leaves of a JSON object as text, by path. The server writes all settings as text."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{path}{key}.")
        elif isinstance(value, str):
            found[f"{path}{key}"] = value
        else:
            found[f"{path}{key}"] = msgspec.json.encode(value).decode()
    return found


def digest(body: Mapping[str, Any]) -> str:
    """Return a digest of a template or policy, without the mark that holds it."""
    leaves = sorted(flat(_content(body)).items())
    return hashlib.sha256(msgspec.json.encode(leaves)).hexdigest()[:16]


def marked(body: Mapping[str, Any], version: int, description: str) -> dict[str, Any]:
    """Return a template or policy with the mark by which it is known as ours."""
    mark = {_MARK: version, _APPLIED: digest(body), "description": description}
    return {**body, "_meta": mark}


def our_version(body: Mapping[str, Any]) -> int | None:
    """Return the version of a template or policy on the server; None if it is not one of ours."""
    version = (body.get("_meta") or {}).get(_MARK)
    return version if isinstance(version, int) else None


def compared(
    place: str, declared: Mapping[str, Any], found: Mapping[str, Any] | None
) -> list[Difference]:
    """Return the differences of a `marked` template or policy."""
    if found is None:
        return [Difference(place=place, state="missing")]
    wanted, actual = flat(_content(declared)), flat(_content(found))
    differing = [path for path in {**wanted, **actual} if wanted.get(path) != actual.get(path)]
    # An object that is empty on one side only differs by what the other side has in it.
    paths = [p for p in differing if not any(other.startswith(f"{p}.") for other in differing)]
    version, ours = our_version(found), our_version(declared)
    assert ours is not None
    if version is None:
        fix = (
            "it has no mark of dms-events: use another --prefix; or, if it may be replaced, put "
            f'"_meta": {{"{_MARK}": 0}} into it, and run this again'
        )
        return [Difference(place=place, state="refused", actual="somebody else's", fix=fix)]
    if version > ours:
        fix = "a newer release of dms-events installed it: run that release's setup"
        said = f"version {version}"
        return [
            Difference(
                place=place, state="refused", declared=f"version {ours}", actual=said, fix=fix
            )
        ]
    untouched = (found.get("_meta") or {}).get(_APPLIED) == digest(found)
    state: State = "outdated" if version < ours or untouched else "changed"
    if not paths and version < ours:
        paths = ["version"]
        wanted, actual = {"version": str(ours)}, {"version": str(version)}
    return [
        Difference(
            place=place,
            setting=path,
            declared=wanted.get(path, ""),
            actual=actual.get(path, ""),
            state=state,
        )
        for path in paths
    ]


def _content(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _NOT_OURS}
