"""Reads damaged documents: ``python -m tests.kit.documents.damaged COUNT SEED``.

Prints how many documents of each type were read, and how many of them were refused.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

from dms_events import DecodeError, codec

from .golden import Vector, decode_vectors, encode_vectors, type_of
from .mutations import mutated

__all__ = ["small_vectors"]


def small_vectors() -> list[Vector]:
    """Those whose documents are worth damaging often."""
    return [v for v in (*encode_vectors(), *decode_vectors()) if len(v.data) < 3_000]


def _main(count: int, seed: int) -> None:
    read: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for number, vector in enumerate(mutated(small_vectors(), count, seed)):
        read[vector.go_type] += 1
        try:
            codec.decode(vector.data, type_of(vector.go_type), strict=number % 4 == 0)
        except DecodeError:
            refused[vector.go_type] += 1
        except Exception as error:
            raise AssertionError(f"{vector.id}: {vector.data[:500]!r}") from error
    for name in read:
        print(json.dumps([name, read[name], refused[name]]))


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
