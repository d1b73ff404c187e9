"""Streams and consumers on the server: made where they are missing, never rewritten."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec
import nats.errors
import nats.js.errors
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.manager import JetStreamManager

from dms_events.errors import ConfigError
from dms_events.transport import Channel, Interest

from ._subjects import Subjects

__all__ = ["StreamOptions", "ensure_consumer", "make_streams"]

_MAX_ACK_PENDING = 100_000
_INACTIVE_S = 300.0
_RETRY_S = 0.25
_CHANNELS: tuple[Channel, ...] = ("events", "dead")


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream is made where there is none; an operator's stream is left as it is."""

    storage: Literal["file", "memory"] = "file"
    replicas: int = 1
    max_messages: int = -1
    max_bytes: int = -1
    duplicate_window_s: float = 120.0


async def make_streams(
    manager: JetStreamManager,
    subjects: Subjects,
    options: StreamOptions,
    timeout_s: float,
    where: str,
) -> None:
    """Make the streams unless they are there.

    Raises:
        ConfigError: the server has no JetStream, or refuses.
    """
    deadline = time.monotonic() + timeout_s
    for channel in _CHANNELS:
        name = subjects.stream(channel)
        if channel == "dead":
            options = msgspec.structs.replace(options, max_messages=-1, max_bytes=-1)
        while True:
            try:
                await _ensure_stream(manager, name, subjects.all_of(channel), options)
                break
            except (nats.js.errors.ServiceUnavailableError, nats.errors.NoRespondersError) as error:
                # A server that restarts says the same for a moment.
                if time.monotonic() > deadline:
                    raise ConfigError(
                        "durable",
                        f"the server at {where} offers no JetStream: start it with -js (or, in Python, "
                        "connect with durable=False)",
                    ) from error
                await asyncio.sleep(_RETRY_S)
            except nats.js.errors.APIError as error:
                raise ConfigError(name, f"{error.description} (code {error.err_code})") from error
            except nats.errors.TimeoutError as error:
                raise ConfigError(
                    name,
                    "the server does not answer requests about streams; where this account may only "
                    "publish, connect with make_streams=False",
                ) from error


async def _ensure_stream(
    manager: JetStreamManager, name: str, subject: str, options: StreamOptions
) -> None:
    """Make one unless it is there. It keeps everything until it is full, then refuses what is new."""
    try:
        await manager.stream_info(name)
    except nats.js.errors.NotFoundError:
        config = StreamConfig(
            name=name,
            subjects=[subject],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.NEW,
            storage=StorageType(options.storage),
            num_replicas=options.replicas,
            max_msgs=options.max_messages,
            max_bytes=options.max_bytes,
            duplicate_window=options.duplicate_window_s,
        )
        await manager.add_stream(config)


async def ensure_consumer(
    manager: JetStreamManager, stream: str, filters: list[str], interest: Interest
) -> tuple[str, float]:
    """Make the consumer of an interest unless it is there; returns its name and its ack wait in s.

    The server never gives up a message by itself (``max_deliver`` unlimited): a process that dies with
    a batch raises the delivery count of every innocent in it, so attempts are the reader's to count.

    Raises:
        ConfigError: the durable exists with other filters, or loses messages as it is configured.
    """
    if interest.durable:
        try:
            existing = (await manager.consumer_info(stream, interest.durable)).config
        except nats.js.errors.NotFoundError:
            pass
        else:
            _compare(interest.durable, filters, existing)
            return interest.durable, existing.ack_wait or interest.ack_wait_s
    config = ConsumerConfig(
        durable_name=interest.durable,
        filter_subjects=filters,
        deliver_policy=DeliverPolicy.ALL if interest.start == "all" else DeliverPolicy.NEW,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=interest.ack_wait_s,
        max_deliver=-1,
        max_ack_pending=_MAX_ACK_PENDING,
        inactive_threshold=None if interest.durable else _INACTIVE_S,
    )
    return (await manager.add_consumer(stream, config)).name, interest.ack_wait_s


def _compare(durable: str, filters: list[str], existing: ConsumerConfig) -> None:
    theirs = existing.filter_subjects or [existing.filter_subject or ">"]
    if set(theirs) != set(filters):
        raise ConfigError(
            "durable",
            f"{durable!r} exists and reads {', '.join(sorted(theirs))}; asked for "
            f"{', '.join(filters)}. Choose another durable name, or delete the old consumer once "
            "nobody reads with it",
        )
    unfit = {
        "ack_policy": existing.ack_policy not in (AckPolicy.EXPLICIT, None),
        "max_deliver": (existing.max_deliver or -1) > 0,
        "deliver_subject": bool(existing.deliver_subject),
    }
    for setting, wrong in unfit.items():
        if wrong:
            raise ConfigError(
                "durable",
                f"{durable!r} exists with {setting} {getattr(existing, setting)!r}, which would lose "
                "messages: it takes a pull consumer with explicit acks and unlimited max_deliver. "
                "Choose another durable name, or edit the consumer",
            )
