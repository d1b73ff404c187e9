"""Go's own ``encoding/json``, asked about documents which no vector has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dms_events import DecodeError, EncodeError, codec
from dms_events.codec.explain import explain
from dms_events.codec.go import read as read_by_go
from tests.kit.documents.damaged import small_vectors
from tests.kit.documents.golden import Vector, encode_vectors, go_names, same, same_value, type_of
from tests.kit.documents.mutations import mutated
from tests.kit.documents.repeats import repeating
from tests.kit.documents.values import values_of
from tests.kit.go.oracle import Answer, Oracle, build
from tests.kit.soak import seeded, sized

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("oracle")]

DOCUMENTS = sized(30_000, 300_000)
EXPLAINED = sized(10_000, 300_000)
REPEATS = sized(10_000, 100_000)
VALUES = sized(25, 300)
FAST_PATH_SHARE = 0.01

Read = Callable[[Vector], Any]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return build()


@pytest.fixture(scope="module")
def damaged() -> list[Vector]:
    return list(mutated(small_vectors(), DOCUMENTS, seeded(11)))


@pytest.fixture(scope="module")
def answers(oracle: Oracle, damaged: list[Vector]) -> list[Answer]:
    return oracle.ask((vector.go_type, vector.data) for vector in damaged)


def typed(vector: Vector) -> Any:
    return codec.decode(vector.data, type_of(vector.go_type))


def go_decoded(vector: Vector) -> Any:
    def fail(path: str, reason: str) -> DecodeError:
        return DecodeError(vector.go_type, path, reason, vector.data)

    return read_by_go(vector.data, type_of(vector.go_type), fail)


def differing(
    oracle: Oracle, vectors: list[Vector], answers: list[Answer], read: Read
) -> Iterator[tuple[Vector, Answer, str]]:
    """The documents of which Go makes something else, and what we make of them."""
    written: list[bytes | None] = []
    said = []
    for vector in vectors:
        try:
            written.append(codec.encode(read(vector)))
            said.append("")
        except DecodeError as error:
            written.append(None)
            said.append(str(error))
        except EncodeError as error:
            # What is nested deeper than msgspec writes is read all the same.
            written.append(b"")
            said.append(str(error))
    again = oracle.ask((v.go_type, w or b"null") for v, w in zip(vectors, written, strict=True))
    for vector, go, ours, text, back in zip(vectors, answers, written, said, again, strict=True):
        if go.json is None or ours is None:
            if (go.json is None) != (ours is None):
                yield vector, go, text
        elif ours and (back.json is None or not same(go.json, back.json)):
            yield vector, go, f"{ours!r} {back.error}"


def is_named(go: Answer, ours: str) -> bool:
    """The deviations that do not come from the fast path."""
    return "multiaddr" in go.error or "the time cannot be told" in ours


def repeats_a_key(data: bytes) -> bool:
    repeated = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        repeated.append(len(dict(pairs)) < len(pairs))

    json.loads(data.decode(errors="replace"), object_pairs_hook=look)
    return any(repeated)


def test_the_go_decoder_makes_of_any_document_what_go_makes_of_it(
    oracle: Oracle, damaged: list[Vector], answers: list[Answer]
) -> None:
    unnamed = [d for d in differing(oracle, damaged, answers, go_decoded) if not is_named(*d[1:])]
    assert unnamed == []


def test_what_comes_again_is_read_over_what_was_there_as_go_does(oracle: Oracle) -> None:
    documents = list(repeating(go_names(), REPEATS, seeded(5)))
    answers = oracle.ask((vector.go_type, vector.data) for vector in documents)
    assert sum(go.json is not None for go in answers) > 0.9 * len(answers)
    unnamed = [d for d in differing(oracle, documents, answers, typed) if not is_named(*d[1:])]
    assert unnamed == []


def test_the_fast_path_differs_in_few_documents_of_the_named_classes(
    oracle: Oracle, damaged: list[Vector], answers: list[Answer]
) -> None:
    unnamed = [d for d in differing(oracle, damaged, answers, typed) if not is_named(*d[1:])]
    assert len(unnamed) < FAST_PATH_SHARE * len(damaged)
    for vector, go, _ in unnamed:
        lenient = "parsing time" in go.error or "cannot unmarshal number -0" in go.error
        midpoint = b"16777217.0" in vector.data
        assert lenient or midpoint or repeats_a_key(vector.data), vector


def test_an_explanation_says_what_go_makes_of_any_document(
    oracle: Oracle, damaged: list[Vector], answers: list[Answer]
) -> None:
    explained = [
        (vector, explain(vector.data, type_of(vector.go_type)), go)
        for vector, go in zip(damaged[:EXPLAINED], answers, strict=False)
    ]
    read: list[tuple[Vector, bytes, Answer]] = []
    for vector, explanation, go in explained:
        if "beyond-datetime" in {note.rule for note in explanation.differences}:
            continue
        assert bool(explanation.go_error) == (go.json is None), (vector, go, explanation)
        with suppress(EncodeError):
            if go.json is not None:
                read.append((vector, codec.encode(explanation.go_value), go))
    assert len(read) > 0.2 * EXPLAINED
    again = oracle.ask((vector.go_type, written) for vector, written, _ in read)
    for (vector, _, go), back in zip(read, again, strict=True):
        assert go.json is not None
        assert back.json is not None, vector
        assert same(go.json, back.json), vector


@pytest.mark.parametrize("go_type", go_names())
def test_go_reads_any_value_that_we_write_as_the_same(oracle: Oracle, go_type: str) -> None:
    type_, values = type_of(go_type), list[Any]()

    @settings(
        max_examples=VALUES,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(values_of(type_))
    def collect(value: Any) -> None:
        values.append(value)

    collect()
    answers = oracle.ask((go_type, codec.encode(value)) for value in values)
    for value, go in zip(values, answers, strict=True):
        if "multiaddr" in go.error:
            continue
        assert go.json is not None, (value, go.error)
        assert same_value(codec.decode(go.json.encode(), type_), value)


def test_go_reads_what_it_wrote_and_we_wrote_again(oracle: Oracle) -> None:
    vectors = [v for v in encode_vectors() if v.json and b'"0000-' not in v.data]
    written = [codec.encode(typed(vector)) for vector in vectors]
    answers = oracle.ask((v.go_type, data) for v, data in zip(vectors, written, strict=True))
    for vector, go in zip(vectors, answers, strict=True):
        assert vector.json is not None
        assert go.json is not None, (vector.id, go.error)
        assert same(vector.json, go.json), vector.id
