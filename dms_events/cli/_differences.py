"""Print how a server differs from what is declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from ._shared import out, print_columns, visible

__all__ = ["print_differences"]

_FOUND: Final = {
    "missing": "missing",
    "outdated": "declared anew",
    "changed": "changed on the server",
    "refused": "refused",
}
_APPLIED: Final = {"missing": "made", "outdated": "updated", "changed": "overwritten"}
_MANY: Final = 20
"""More missing things of one kind than these are printed as their number."""


class Difference(Protocol):
    """What the setups of NATS and Elasticsearch say of a difference."""

    @property
    def place(self) -> str:
        """What differs."""

    @property
    def setting(self) -> str:
        """Its setting; empty if the whole thing is missing."""

    @property
    def declared(self) -> str:
        """The declared value."""

    @property
    def actual(self) -> str:
        """The value on the server."""

    @property
    def state(self) -> str:
        """``missing``, ``outdated``, ``changed`` or ``refused``."""

    @property
    def fix(self) -> str:
        """What to do; may be empty."""

    @property
    def applied(self) -> bool:
        """True if the server has the declared value now."""


def print_differences(found: Sequence[Difference]) -> None:
    """Print a line for each difference, and then what to do about those that stay.

    Many missing things of one kind have one line: a new server lacks 72 index templates.
    """
    if not found:
        out.print("everything is as declared")
        return
    counts = Counter(map(_lacks, found))
    folded: set[tuple[str, bool]] = set()
    rows = [("what", "setting", "declared", "on the server", "")]
    for one in found:
        alike, place = _lacks(one), one.place
        if alike and counts[alike] > _MANY:
            if alike in folded:
                continue
            folded.add(alike)
            place = f"{counts[alike]} {alike[0]}s"
        words = _APPLIED[one.state] if one.applied else _FOUND[one.state]
        what = (place, one.setting, one.declared, one.actual, words)
        rows.append(tuple(map(visible, what)))  # type: ignore[arg-type]
    print_columns(rows)
    for one in found:
        if one.fix:
            named = f"{one.place}, {one.setting}" if one.setting else one.place
            out.print(visible(f"{named}: {one.fix}"), markup=False)
    if any(one.state == "changed" and not one.applied for one in found):
        out.print(
            "settings that were changed on the server are left as they are; --overwrite sets them"
        )


def _lacks(one: Difference) -> tuple[str, bool] | None:
    """Return the kind of a missing thing, such as ``index template``, and if it was made."""
    if one.state != "missing" or one.setting:
        return None
    return one.place.rpartition(" ")[0], one.applied
