"""Make streams and consumers where they are missing; never rewrite an existing one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client

from dms_events.errors import ConfigError, ConnectionLostError, TransportError
from dms_events.names import (
    UNPARTITIONED,
    consumer_taken,
    no_such_durable,
    part_name,
    read_otherwise,
    whole_of,
)
from dms_events.transport import SubscriptionSpec

from ..client import flush, request
from ..connection import AwayError, LinkClient, NotPermittedError
from ..subjects import filters_of, reads_part
from . import api
from .compare import DesiredConfig, creation
from .declaration import DurableSetup, NatsSetup
from .fit import check_consumer, check_stream
from .target import durable_target, nanoseconds, stream_targets

__all__ = [
    "EnsuredConsumer",
    "check_streams",
    "durables",
    "ensure_consumer",
    "make_streams",
    "refusal",
    "refuse_parts",
    "retry_until_ready",
]

T = TypeVar("T")

_log = logging.getLogger("dms_events")
_INACTIVE_S = 300.0
_DENIED: Final = "permissions violation"
_RETRY_S = 0.25
_ALONE_S = 1.0
_NAMES_S = 1.0
_BLAMED: Final = {10047: "max_bytes", 10074: "num_replicas"}
"""The setting that an error of the server is about, where the error's code alone says so."""


class EnsuredConsumer(NamedTuple):
    """A consumer that exists."""

    name: str
    ack_wait_s: float
    most_unsettled: int | None
    """See `Receiver.most_unsettled`."""
    made: bool
    """True if it did not exist before."""


async def retry_until_ready(
    client: LinkClient,
    target: DesiredConfig,
    ask: Callable[[Client, DesiredConfig], Awaitable[T]],
    timeout_s: float,
) -> T:
    """Ask the server about a stream or durable; ask again while the server is not ready.

    Raises:
        ConfigError: the server has no JetStream, does not answer, refuses, or does not permit it.
        ConnectionLostError: the connection is lost.
    """
    # A server without a cluster offers JetStream as soon as it accepts connections.
    deadline = time.monotonic() + (timeout_s if client.clustered else min(timeout_s, _ALONE_S))
    while True:
        try:
            return await ask(client, target)
        except nats.js.errors.ServiceUnavailableError as error:
            # A server that restarts says the same for a moment.
            if time.monotonic() > deadline:
                raise ConfigError(
                    "durable",
                    f"{_where(client)} offers no JetStream to this account: start it with -js and enable "
                    "it for the account (or, in Python, connect with durable=False)",
                ) from error
            await asyncio.sleep(_RETRY_S)
        except nats.js.errors.APIError as error:
            raise refusal(target, (), error) from error
        except NotPermittedError as error:
            raise ConfigError(
                target.stream,
                f"the server says: {error}. An account that may only publish connects with "
                "make_streams=False",
            ) from error
        except AwayError as error:
            raise ConnectionLostError(f"{target.stream}: {error}") from error
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
    """Return the error for a refusal of the server, with the setting that the refusal is about."""
    blamed = _BLAMED.get(error.err_code or 0)
    setting = of.setting([blamed] if blamed else keys)
    return ConfigError(setting, f"{of.place}: {error.description} (code {error.err_code})")


async def make_streams(client: LinkClient, setup: NatsSetup, timeout_s: float) -> None:
    """Make the streams that do not exist.

    Raises:
        ConfigError: the server has no JetStream, or refuses; or a stream loses messages as it is.
    """
    for target in stream_targets(setup):
        await retry_until_ready(client, target, _make, timeout_s)


async def _make(client: Client, target: DesiredConfig) -> None:
    existing = await api.read(client, target)
    if existing is None:
        await api.create(client, target, creation(target))
    else:
        check_stream(target, existing)


async def check_streams(client: Client, setup: NatsSetup) -> None:
    """Refuse streams that lose messages, if this account may look at them.

    Raises:
        ConfigError: a stream loses messages as it is.
    """
    await asyncio.gather(*(_look(client, target) for target in stream_targets(setup)))


async def _look(client: Client, target: DesiredConfig) -> None:
    asking = asyncio.create_task(api.read(client, target))
    try:
        # The server denies a request before it answers the PING behind it.
        await flush(client)
        if _DENIED in str(client.last_error).lower():
            return
        existing = await asking
    except (nats.errors.Error, OSError, TransportError) as error:
        _log.debug("the stream %s is not looked at: %s", target.stream, error)
        return
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    if existing is not None:
        check_stream(target, existing)


async def ensure_consumer(
    client: Client, stream: str, filters: list[str], spec: SubscriptionSpec, *, from_: int = 0
) -> EnsuredConsumer:
    """Make the consumer of a subscription unless it exists.

    Without a durable a new one is always made. It begins with the sequence ``from_``, if that is given.

    The server never gives up a message by itself (``max_deliver`` unlimited): a process that dies with
    a batch raises the delivery count of every good message in it, so the reader counts the attempts.

    Raises:
        ConfigError: the durable has other filters, loses messages, or must exist and does not.
    """
    wanted = DurableSetup(types=spec.patterns, ack_wait_s=spec.ack_wait_s, start=spec.start)
    target = durable_target(stream, spec.durable or "", filters, wanted)
    if not spec.durable:
        config = (
            target.defaults | target.declared | {"inactive_threshold": nanoseconds(_INACTIVE_S)}
        )
        if from_:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": from_}
        body = {"stream_name": stream, "config": config, "action": "create"}
        made = await request(client, f"CONSUMER.CREATE.{stream}", body)
        return _ensured(str(made["name"]), config, made=True)
    existing = await api.read(client, target)
    if existing is None and not spec.partitioned:
        await refuse_parts(client, target)
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
        return _ensured(spec.durable, creation(target), made=True)
    _compare(spec, filters, existing)
    check_consumer(spec.durable, existing, spec.prefetch)
    return _ensured(spec.durable, existing, made=False)


def _ensured(name: str, config: Mapping[str, Any], *, made: bool) -> EnsuredConsumer:
    most = int(config.get("max_ack_pending") or 0)
    return EnsuredConsumer(name, config["ack_wait"] / 1e9, most if most > 0 else None, made)


async def durables(client: Client, stream: str) -> tuple[str, ...]:
    """The names of the stream's durables; none where this account may not ask for them."""
    names = await _consumers(client, stream)
    return tuple({_whole(name, names): None for name in names})


async def _consumers(client: Client, stream: str) -> Collection[str]:
    try:
        answer = await request(client, f"CONSUMER.NAMES.{stream}", timeout_s=_NAMES_S)
    except (nats.errors.Error, OSError):
        return ()
    return answer.get("consumers") or ()


def _whole(name: str, names: Collection[str]) -> str:
    """The durable of a consumer. One read by partitions has a consumer for messages without one, too."""
    durable = whole_of(name)
    return durable if durable and part_name(durable, UNPARTITIONED) in names else name


async def refuse_parts(client: Client, target: DesiredConfig) -> None:
    """Refuse a new durable if one of its name is read by partitions, where the account may ask that.

    Raises:
        ConfigError: there is such a durable.
    """
    part = msgspec.structs.replace(target, consumer=part_name(target.consumer, UNPARTITIONED))
    if part.consumer not in await _consumers(client, target.stream):
        return
    config = await api.read(client, part)
    if config is not None and reads_part(filters_of(config)):
        raise read_otherwise(target.consumer, partitioned=False)


def _compare(spec: SubscriptionSpec, filters: list[str], existing: dict[str, Any]) -> None:
    durable, theirs = spec.durable or "", filters_of(existing)
    if set(theirs) != set(filters):
        if whole_of(durable) and reads_part(theirs) != spec.partitioned:
            raise consumer_taken(durable, partitioned=spec.partitioned)
        more = sorted(set(filters) - set(theirs))
        fix = "Choose another durable name"
        if more and set(theirs) < set(filters):
            fix = f"Read {', '.join(more)} under another durable name beside it (docs/nats.md)"
        raise ConfigError(
            "durable",
            f"{durable!r} exists and reads {', '.join(sorted(theirs))}; this subscription asks for "
            f"{', '.join(filters)}. {fix}, or delete the old consumer once nobody reads with it",
        )
