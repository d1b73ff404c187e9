"""How a worker tells a handler of batches: by what its annotation means, however it is written."""

from __future__ import annotations

import functools
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


def test_a_list_is_a_batch_where_annotations_are_no_text() -> None:
    scope: dict[str, Any] = {"Batch": Batch}
    exec("async def real(them: Batch): ...", scope)
    assert handler(scope["real"]).batch == 100


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


async def unseen(them: UnseenBatch) -> None: ...


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"is a list cannot be told .* give `on` a batch="):
        handler(unseen)
    assert handler(unseen, batch=7).batch == 7
