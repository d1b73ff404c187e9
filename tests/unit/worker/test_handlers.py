"""How a worker tells a handler of batches: by what its annotation means, however it is written."""

from __future__ import annotations

import functools
import sys
import typing
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, List, TypeAlias, Union  # noqa: UP035

import pytest

from dms_events import ConfigError, Message
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from dms_events.worker.handlers import Handler
from dms_events.worker.policy import RetryPolicy

if TYPE_CHECKING:
    from dms_events import Message as Unseen
    from dms_events.types.elk_stats import NewService

    UnseenBatch: TypeAlias = list[Message[NewService]]

Call: TypeAlias = Message[ServiceCall]
Batch: TypeAlias = list[Call]
OldBatch: TypeAlias = List[Call]  # noqa: UP006
Either: TypeAlias = Union[ServiceCall, NtxPayment]  # noqa: UP007


def handler(function: Any, batch: int | None = None) -> Handler:
    retry = RetryPolicy(attempts=1, backoff_s=0, backoff_max_s=0)
    return Handler(function, retry=retry, timeout_s=None, key=None, batch=batch, linger_s=0)


async def plain(them: list[Call]) -> None: ...
async def bare(them: list) -> None: ...  # type: ignore[type-arg]
async def old(them: List[Call]) -> None: ...  # noqa: UP006
async def dotted(them: typing.List[Call]) -> None: ...  # noqa: UP006
async def alias(them: Batch) -> None: ...
async def old_alias(them: OldBatch) -> None: ...
async def annotated(them: Annotated[Batch, "all of them"]) -> None: ...
async def sequence(them: Sequence[Call]) -> None: ...
async def iterable(them: Iterable[Call]) -> None: ...
async def quoted(them: "Batch") -> None: ...  # noqa: UP037
async def of_what_is_not_there(them: list[Unseen[NewService]]) -> None: ...
async def of_what_is_not_there_in_old(them: typing.List[Unseen[NewService]]) -> None: ...  # noqa: UP006


class Object:
    async def method(self, them: Batch) -> None: ...


async def with_more(more: int, them: Batch) -> None: ...


@functools.wraps(alias)
async def wrapped(*arguments: Any) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        plain,
        bare,
        old,
        dotted,
        alias,
        old_alias,
        annotated,
        sequence,
        iterable,
        quoted,
        of_what_is_not_there,
        of_what_is_not_there_in_old,
        Object().method,
        wrapped,
    ],
    ids=lambda function: function.__name__,
)
def test_a_list_is_a_batch(function: Any) -> None:
    assert handler(function).batch == 100


def test_a_list_is_a_batch_of_a_partial_too() -> None:
    assert handler(functools.partial(with_more, 1)).batch == 100


def defined(arguments: str) -> Any:
    """A function in a module that does not make all annotations text, as this one does."""
    source = f"async def it({arguments}): ..."
    scope: dict[str, Any] = {"Batch": Batch, "ServiceCall": ServiceCall, "List": List}  # noqa: UP006
    exec(compile(source, "a module", "exec", dont_inherit=True), scope)
    return scope["it"]


def test_a_list_is_a_batch_where_annotations_are_no_text() -> None:
    assert handler(defined("them: Batch")).batch == 100


async def event(it: ServiceCall) -> None: ...
async def either(it: ServiceCall | NtxPayment) -> None: ...
async def either_alias(it: Either) -> None: ...
async def anything(it: Any) -> None: ...
async def unannotated(it) -> None: ...  # type: ignore[no-untyped-def]
async def not_there(it: NewService) -> None: ...
async def one_is_not_there(it: ServiceCall | NewService) -> None: ...
async def message_is_not_there(it: ServiceCall, message: Unseen[ServiceCall]) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        event,
        either,
        either_alias,
        anything,
        unannotated,
        not_there,
        one_is_not_there,
        message_is_not_there,
    ],
    ids=lambda function: function.__name__,
)
def test_an_event_is_no_batch(function: Any) -> None:
    assert handler(function).batch == 0


late_annotations = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="before Python 3.14 such a function cannot be defined"
)


@late_annotations
@pytest.mark.parametrize(
    ("arguments", "batch"),
    [
        ("them: list[Unseen[NewService]]", 100),
        ("them: List[Unseen[NewService]]", 100),
        ("it: NewService", 0),
        ("it: ServiceCall | NewService", 0),
        ("it: ServiceCall, message: Unseen[ServiceCall]", 0),
        ("it: ServiceCall, message: 'Unseen[ServiceCall]'", 0),
    ],
)
def test_names_for_type_checking_only_need_no_text(arguments: str, batch: int) -> None:
    assert handler(defined(arguments)).batch == batch


@late_annotations
def test_what_cannot_be_told_without_text_is_refused_as_it_is_written() -> None:
    with pytest.raises(ConfigError, match=r"whether them: 'UnseenBatch' is a list cannot be told"):
        handler(defined("them: UnseenBatch"))


async def unseen(them: UnseenBatch) -> None: ...


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"is a list cannot be told .* give `on` a batch="):
        handler(unseen)
    assert handler(unseen, batch=7).batch == 7
