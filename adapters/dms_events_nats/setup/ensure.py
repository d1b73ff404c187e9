"""Make streams and consumers where they are missing; never rewrite an existing one."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, TypeVar

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from dms_events.errors import ConfigError
from dms_events.names import no_such_durable
from dms_events.transport import SubscriptionSpec

from ..client import request
from . import api
from .compare import DesiredConfig, creation
from .declaration import DurableSetup, NatsSetup
from .target import durable_target, nanoseconds, stream_targets

__all__ = ["durables", "ensure_consumer", "make_streams", "refusal", "retry_until_ready"]

T = TypeVar("T")

_INACTIVE_S = 300.0
_RETRY_S = 0.25
_NAMES_S = 1.0
_PART = re.compile(r"-(\d+|rest)$")
"""What the consumer of a partition has behind the name of its durable."""
_BLAMED: Final = {10047: "max_bytes", 10074: "num_replicas"}
"""What an error of the server is about, where its code alone says so."""


async def retry_until_ready(
    client: Client,
    target: DesiredConfig,
    ask: Callable[[Client, DesiredConfig], Awaitable[T]],
    timeout_s: float,
) -> T:
    """Ask the server about a stream or durable, again where it is not ready yet.

    Raises:
        ConfigError: it has no JetStream, does not answer, or refuses.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return await ask(client, target)
        except nats.js.errors.ServiceUnavailableError as error:
            # A server that restarts says the same for a moment.
            if time.monotonic() > deadline:
                raise ConfigError(
                    "durable",
                    f"{_where(client)} offers no JetStream: start it with -js (or, in Python, "
                    "connect with durable=False)",
                ) from error
            await asyncio.sleep(_RETRY_S)
        except nats.js.errors.APIError as error:
            raise refusal(target, (), error) from error
        except nats.errors.TimeoutError as error:
            said = f" ({client.last_error})" if client.last_error else ""
            raise ConfigError(
                target.stream,
                f"the server does not answer requests about streams{said}: its cluster has no leader, "
                "or this account may only publish (then connect with make_streams=False)",
            ) from error


def _where(client: Client) -> str:
    url = client.connected_url
    return f"the server at {url.hostname}:{url.port}" if url else "the server"


def refusal(
    of: DesiredConfig, keys: Collection[str], error: nats.js.errors.APIError
) -> ConfigError:
    """What the server refuses, with the setting that it is about."""
    blamed = _BLAMED.get(error.err_code or 0)
    setting = of.setting([blamed] if blamed else keys)
    return ConfigError(setting, f"{of.place}: {error.description} (code {error.err_code})")


async def make_streams(client: Client, setup: NatsSetup, timeout_s: float) -> None:
    """Make the streams unless they are there.

    Raises:
        ConfigError: the server has no JetStream, or refuses.
    """
    for target in stream_targets(setup):
        await retry_until_ready(client, target, _make, timeout_s)


async def _make(client: Client, target: DesiredConfig) -> None:
    if await api.read(client, target) is None:
        await api.create(client, target, creation(target))


async def ensure_consumer(
    client: Client, stream: str, filters: list[str], spec: SubscriptionSpec
) -> tuple[str, float, bool]:
    """Make the consumer of a subscription unless it is there: its name, its ack wait in s, whether made.

    The server never gives up a message by itself (``max_deliver`` unlimited): a process that dies with
    a batch raises the delivery count of every innocent in it, so attempts are the reader's to count.

    Raises:
        ConfigError: the durable exists with other filters, or loses messages as it is configured.
    """
    wanted = DurableSetup(types=spec.patterns, ack_wait_s=spec.ack_wait_s, start=spec.start)
    target = durable_target(stream, spec.durable or "", filters, wanted)
    if not spec.durable:
        config = (
            target.defaults | target.declared | {"inactive_threshold": nanoseconds(_INACTIVE_S)}
        )
        body = {"stream_name": stream, "config": config, "action": "create"}
        made = await request(client, f"CONSUMER.CREATE.{stream}", body)
        return str(made["name"]), spec.ack_wait_s, True
    existing = await api.read(client, target)
    if existing is None and spec.must_exist:
        raise no_such_durable(spec.durable, await durables(client, stream))
    if existing is None:
        try:
            await api.create(client, target, creation(target))
        except nats.js.errors.APIError as error:
            # Somebody else made it meanwhile.
            if error.err_code != api.EXISTS_OTHERWISE:
                raise
            existing = await api.read(client, target)
    if existing is None:
        return spec.durable, spec.ack_wait_s, True
    _compare(spec.durable, filters, existing)
    return spec.durable, existing["ack_wait"] / 1e9, False


async def durables(client: Client, stream: str) -> tuple[str, ...]:
    """The names of the stream's durables; none where this account may not ask for them."""
    try:
        answer = await request(client, f"CONSUMER.NAMES.{stream}", timeout_s=_NAMES_S)
    except (nats.errors.Error, OSError):
        return ()
    return tuple({_PART.sub("", name): None for name in answer.get("consumers") or ()})


def _compare(durable: str, filters: list[str], existing: dict[str, Any]) -> None:
    theirs = existing.get("filter_subjects") or [existing.get("filter_subject") or ">"]
    if set(theirs) != set(filters):
        more = sorted(set(filters) - set(theirs))
        fix = "Choose another durable name"
        if more and set(theirs) < set(filters):
            fix = f"Read {', '.join(more)} under another durable name beside it (docs/nats.md)"
        raise ConfigError(
            "durable",
            f"{durable!r} exists and reads {', '.join(sorted(theirs))}; asked for "
            f"{', '.join(filters)}. {fix}, or delete the old consumer once nobody reads with it",
        )
    unfit = {
        "ack_policy": existing.get("ack_policy") != "explicit",
        "max_deliver": (existing.get("max_deliver") or -1) > 0,
        "deliver_subject": bool(existing.get("deliver_subject")),
    }
    for setting, wrong in unfit.items():
        if wrong:
            raise ConfigError(
                "durable",
                f"{durable!r} exists with {setting} {existing[setting]!r}, which would lose "
                "messages: it takes a pull consumer with explicit acks and unlimited max_deliver. "
                "Choose another durable name, or edit the consumer",
            )
