"""Explain how a document is read: the path, the rules of Go, and the places where Go differs."""

from .explain import Explanation, explain
from .trace import Note

__all__ = ["Explanation", "Note", "explain"]
