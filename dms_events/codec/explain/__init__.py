"""How a document is read: by which path, by which of Go's rules, and where Go reads otherwise."""

from .explain import Explanation, explain
from .trace import Note

__all__ = ["Explanation", "Note", "explain"]
