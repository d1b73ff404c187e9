"""The descriptions of the types: fields, Go types, units and meanings."""

from .reference import Row, embedded, go_type, is_a, meaning, registry_name, rows

__all__ = ["Row", "embedded", "go_type", "is_a", "meaning", "registry_name", "rows"]
