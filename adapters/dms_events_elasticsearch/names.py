"""The names of indices, templates, aliases and the policy, all of which begin with the prefix."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from dms_events.errors import ConfigError

__all__ = ["DEFAULT_PREFIX", "Names", "month_end", "origination_date"]

DEFAULT_PREFIX: Final = "dms"

_PREFIX: Final = re.compile(r"[a-z0-9][a-z0-9_.]{0,63}")
_MONTH: Final = re.compile(r".*-(\d{4})\.(\d{2})")


class Names(msgspec.Struct, frozen=True):
    """The names that begin with a prefix. Two networks with two prefixes can share a cluster."""

    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        # With a hyphen, `dms-*` would also be the indices of the prefix `dms-test`.
        if not _PREFIX.fullmatch(self.prefix):
            raise ConfigError(
                "prefix", "write up to 64 lower-case letters, digits, '_' and '.', no '-'"
            )

    @property
    def indices(self) -> str:
        """The pattern of all indices."""
        return f"{self.prefix}-*"

    @property
    def everything(self) -> str:
        """The alias of all indices."""
        return f"{self.prefix}-all"

    @property
    def common(self) -> str:
        """The component template with the fields of every document."""
        return f"{self.prefix}-common"

    @property
    def settings(self) -> str:
        """The component template with the settings of every index."""
        return f"{self.prefix}-settings"

    @property
    def custom(self) -> str:
        """The component template that belongs to the operator."""
        return f"{self.prefix}-custom"

    @property
    def policy(self) -> str:
        """The policy of the indices' lifecycle."""
        return f"{self.prefix}-retention"

    def of(self, dataset: str) -> str:
        """The index template of a type, and the alias of its indices."""
        return f"{self.prefix}-{dataset}"

    def months(self, dataset: str) -> str:
        """The pattern of a type's indices."""
        return f"{self.prefix}-{dataset}-*"

    def index(self, name: str) -> str:
        """The index of a document, of which ``name`` is the one under the default prefix."""
        return self.prefix + name.removeprefix(DEFAULT_PREFIX)


def month_end(index: str) -> datetime | None:
    """Return the end of the month that an index is for; None if the name has no month."""
    found = _MONTH.fullmatch(index)
    if found is None or not 1 <= int(found[2]) <= 12:
        return None
    year, month = int(found[1]), int(found[2])
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def origination_date(index: str) -> int | None:
    """Return the time from which an index ages, in ms since 1970: the end of its month, if it has one."""
    end = month_end(index)
    return int(end.timestamp() * 1000) if end else None
