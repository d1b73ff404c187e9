"""The slow path of reading: a decoder with the rules of Go's ``encoding/json``."""

from .decode import read

__all__ = ["read"]
