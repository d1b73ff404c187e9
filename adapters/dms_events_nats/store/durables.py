"""Find the durables of a stream whose filters take a message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import nats.js.errors
from nats.aio.client import Client

from dms_events.names import UNPARTITIONED, is_durable, part_name

from ..client import mapped, request
from ..subjects import filters_of

__all__ = ["durables_for"]


async def durables_for(client: Client, stream: str, subject: str, durable: str) -> Sequence[str]:
    """Return the durables that get a subject, sorted; at most ``durable``, if it is given.

    A durable may be read whole or by partitions.

    Raises:
        TransportError: the server does not answer, or the account may not ask.
    """
    if durable and not is_durable(durable):
        return ()  # the name comes from the dead stream, where a stranger may have written it
    asked = f"$JS.API.CONSUMER.INFO.{stream}.*" if durable else f"$JS.API.CONSUMER.LIST.{stream}"
    with mapped(f"ask which readers {stream} has (this takes the permission for {asked})"):
        looked_at = _named(client, stream, durable) if durable else _all(client, stream)
        found = {name async for config in looked_at if (name := _reader(config, subject))}
    return sorted(name for name in found if durable in ("", name))


async def _named(client: Client, stream: str, durable: str) -> AsyncIterator[dict[str, Any]]:
    for name in (durable, part_name(durable, UNPARTITIONED)):
        try:
            yield (await request(client, f"CONSUMER.INFO.{stream}.{name}"))["config"]
        except nats.js.errors.NotFoundError:
            continue


async def _all(client: Client, stream: str) -> AsyncIterator[dict[str, Any]]:
    offset, total = 0, 1
    while offset < total:
        page = await request(client, f"CONSUMER.LIST.{stream}", {"offset": offset})
        consumers = page["consumers"] or ()
        for info in consumers:
            yield info["config"]
        offset += len(consumers)
        total = page["total"] if consumers else 0


def _reader(config: dict[str, Any], subject: str) -> str:
    """Return the durable that a consumer belongs to; empty if the consumer would not get the subject."""
    name: str = config.get("durable_name") or ""
    tokens = subject.split(".")
    for text in filters_of(config):
        filter_ = text.split(".")
        if _matches(filter_, tokens):
            # The filter of a consumer for messages without a partition ends with the source.
            whole = filter_[-1] != "*" or len(filter_) != len(tokens)
            return name if whole else name.removesuffix(part_name("", UNPARTITIONED))
        *source, partition = filter_
        if partition.isdigit() and _matches(source, tokens):
            return name.removesuffix(part_name("", partition))
    return ""


def _matches(filter_: Sequence[str], tokens: Sequence[str]) -> bool:
    """True if a filter takes a subject; both are given as tokens."""
    if filter_[-1] == ">" and len(tokens) >= len(filter_):
        filter_, tokens = filter_[:-1], tokens[: len(filter_) - 1]
    return len(filter_) == len(tokens) and all(
        wanted in ("*", token) for wanted, token in zip(filter_, tokens, strict=True)
    )
