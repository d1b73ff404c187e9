"""Conditions as KQL, Kibana's query language."""

from __future__ import annotations

from ..model import AllOf, Condition, Is, Not

__all__ = ["kql"]


def kql(condition: Condition | None) -> str:
    """Return the condition as KQL; no condition is the empty query."""
    match condition:
        case None:
            return ""
        case Is(field=field, values=(value,)):
            return f"{field.name}: {_quoted(value)}"
        case Is(field=field, values=values):
            return f"{field.name}: ({' or '.join(map(_quoted, values))})"
        case Not(condition=inner):
            return f"not {kql(inner)}"
        case AllOf(conditions=conditions):
            return " and ".join(map(kql, conditions))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
