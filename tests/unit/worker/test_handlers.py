"""What a handler is annotated for: something else than it would be called with is refused at import."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, List, TypeAlias, Union  # noqa: UP035

import msgspec
import pytest

from dms_events import ConfigError, Message, Worker
from dms_events.types.elk_stats import NtxPayment, ServiceCall

if TYPE_CHECKING:
    from dms_events import Message as Unseen
    from dms_events.types.elk_stats import NewService

    UnseenBatch: TypeAlias = list[Message[NewService]]

Call: TypeAlias = Message[ServiceCall]
Batch: TypeAlias = list[Call]
OldBatch: TypeAlias = List[Call]  # noqa: UP006
Either: TypeAlias = Union[ServiceCall, NtxPayment]  # noqa: UP007


def register(function: Any, *wanted: Any, batch: int | None = None) -> None:
    wanted = wanted or (ServiceCall,)
    Worker("billing").on(*wanted, batch=batch)(function)


def defined(arguments: str) -> Any:
    """A function in a module that does not make all annotations text, as this one does."""
    source = f"async def it({arguments}): ..."
    scope: dict[str, Any] = {"Batch": Batch, "ServiceCall": ServiceCall, "NtxPayment": NtxPayment}
    exec(compile(source, "a module", "exec", dont_inherit=True), scope)
    return scope["it"]


async def event(it: ServiceCall) -> None: ...
async def quoted(it: "ServiceCall") -> None: ...  # noqa: UP037
async def either(it: ServiceCall | NtxPayment) -> None: ...
async def either_alias(it: Either) -> None: ...
async def struct(it: msgspec.Struct) -> None: ...
async def anything(it: Any) -> None: ...
async def unannotated(it) -> None: ...  # type: ignore[no-untyped-def]
async def not_there(it: NewService) -> None: ...
async def one_is_not_there(it: ServiceCall | NewService) -> None: ...
async def with_message(it: ServiceCall, message: Call) -> None: ...
async def message_of_any(it: ServiceCall, message: Message[Any]) -> None: ...
async def bare_message(it: ServiceCall, message: Message) -> None: ...  # type: ignore[type-arg]
async def message_is_not_there(it: ServiceCall, message: Unseen[ServiceCall]) -> None: ...
async def with_more(it: ServiceCall, more: str = "") -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        event,
        quoted,
        either,
        either_alias,
        struct,
        anything,
        unannotated,
        not_there,
        one_is_not_there,
        with_message,
        message_of_any,
        bare_message,
        message_is_not_there,
        with_more,
        defined("it: ServiceCall"),
    ],
    ids=lambda function: function.__name__,
)
def test_a_handler_that_admits_its_type_is_registered(function: Any) -> None:
    register(function)


async def payment(it: NtxPayment) -> None: ...
async def message_of_payment(it: ServiceCall, message: Message[NtxPayment]) -> None: ...
async def swapped(message: Call, it: ServiceCall) -> None: ...
async def text(it: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "wanted", "says"),
    [
        (payment, (), "it: .*NtxPayment.* does not admit elk_stats.ServiceCall"),
        (defined("it: NtxPayment"), (), "does not admit elk_stats.ServiceCall"),
        (functools.partial(payment), (), "does not admit elk_stats.ServiceCall"),
        (text, (), "does not admit elk_stats.ServiceCall"),
        (event, (ServiceCall, NtxPayment), "does not admit elk_stats.NtxPayment"),
        (either, ("elk_stats.*",), "does not admit elk_stats."),
        (message_of_payment, (), "message: .* does not admit elk_stats.ServiceCall"),
        (swapped, (), r"it: .* is not a Message: a handler takes \(event\) or \(event, message\)"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_handler_of_something_else_is_refused(
    function: Any, wanted: tuple[Any, ...], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        register(function, *wanted)


async def plain(them: list[Call]) -> None: ...
async def bare(them: list) -> None: ...  # type: ignore[type-arg]
async def old(them: List[Call]) -> None: ...  # noqa: UP006
async def alias(them: Batch) -> None: ...
async def old_alias(them: OldBatch) -> None: ...
async def annotated(them: Annotated[Batch, "all of them"]) -> None: ...
async def sequence(them: Sequence[Call]) -> None: ...
async def iterable(them: Iterable[Call]) -> None: ...


class Object:
    async def method(self, them: Batch) -> None: ...


@functools.wraps(alias)
async def wrapped(*arguments: Any) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        plain,
        bare,
        old,
        alias,
        old_alias,
        annotated,
        sequence,
        iterable,
        Object().method,
        wrapped,
        defined("them: Batch"),
    ],
    ids=lambda function: function.__name__,
)
def test_a_batch_handler_says_how_large_its_batches_are(function: Any) -> None:
    with pytest.raises(ConfigError, match="is a list: give batch="):
        register(function)
    register(function, batch=7)


async def unseen(them: UnseenBatch) -> None: ...
async def payments(them: list[Message[NtxPayment]]) -> None: ...


def test_a_batch_handler_takes_a_list_of_messages_of_its_types() -> None:
    register(unseen, batch=7)
    register(anything, batch=7)
    with pytest.raises(ConfigError, match=r"them: .* does not admit elk_stats.ServiceCall"):
        register(payments, batch=7)
    with pytest.raises(ConfigError, match=r"it: .* is not a list"):
        register(event, batch=7)


async def test_on_without_its_call_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"write @worker.on\(Type\) above it"):
        Worker("billing").on(event)  # type: ignore[call-overload]


@pytest.mark.skipif(
    sys.version_info < (3, 14), reason="before Python 3.14 such a function cannot be defined"
)
@pytest.mark.parametrize(
    "arguments",
    [
        "it: NewService",
        "it: ServiceCall | NewService",
        "it: ServiceCall, message: Unseen[ServiceCall]",
        "it: ServiceCall, message: 'Unseen[ServiceCall]'",
    ],
)
def test_names_for_type_checking_only_need_no_text(arguments: str) -> None:
    register(defined(arguments))
