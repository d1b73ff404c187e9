"""Bytes to Structs and back, with the meaning of Go's ``encoding/json``."""

from .codec import decode, encode, slow_path_count

__all__ = ["decode", "encode", "slow_path_count"]
