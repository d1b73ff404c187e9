"""Apply a declared setup to a server, or check a server for drift from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import nats.js.errors
from nats.aio.client import Client

from .client import mapped
from .setup import Difference, NatsSetup, api
from .setup.compare import DesiredConfig, State, compare, creation, described, merged
from .setup.ensure import refusal, refuse_parts, retry_until_ready
from .setup.fit import refuse_other_root
from .setup.target import durable_targets, stream_targets
from .transport import NatsTransport

__all__ = ["apply_setup", "check_setup"]

_PATIENCE_S = 5.0


async def check_setup(url: str, setup: NatsSetup, **connection: Any) -> list[Difference]:
    """Return the differences between the server and the declaration. Nothing is changed.

    Args:
        url: as for `NatsTransport`.
        setup: the declaration. Settings that it leaves out are not compared.
        connection: options of `NatsTransport` about the connection: ``credentials``, ``tls``, ….

    Raises:
        ConfigError: a setting is not valid, or the server has no JetStream, or it does not let this
            account look at streams.
        TransportError: the server does not answer, or went away.
    """
    return await _each(url, setup, connection, _check)


async def apply_setup(
    url: str, setup: NatsSetup, *, overwrite: bool = False, **connection: Any
) -> list[Difference]:
    """Make missing streams and durables, and update settings that nobody changed since the last time.

    A setting that somebody else changed is left as it is, unless ``overwrite``. A setting that is not
    declared is never touched, and the filters of a durable are never changed. If one setting of a
    stream or durable is refused, all its settings are left as they are. Returns the differences found,
    with ``applied`` for those that are gone now.

    Raises:
        ConfigError: as `check_setup`, or the server refuses a setting. Changes made before that stay;
            apply the setup again.
        TransportError: the server does not answer, or went away.
    """

    async def settle(client: Client, target: DesiredConfig) -> list[Difference]:
        actual = await _read(client, target)
        if actual is None:
            await api.create(client, target, creation(target))
            return [_missing(target, applied=True)]
        states = compare(target, actual)
        if "refused" in states.values():
            return _described(target, actual, states, states)
        take = ("outdated", "changed") if overwrite else ("outdated",)
        keys = [key for key, state in states.items() if state in take]
        config = merged(target, actual, keys)
        if config is None:
            return _described(target, actual, states, states)
        try:
            after = await api.update(client, target, config)
        except nats.js.errors.ServiceUnavailableError:
            raise
        except nats.js.errors.APIError as error:
            raise refusal(target, keys, error) from error
        return _described(target, actual, states, compare(target, after))

    return await _each(url, setup, connection, settle)


async def _read(client: Client, target: DesiredConfig) -> dict[str, Any] | None:
    actual = await api.read(client, target)
    if target.consumer and actual is None:
        await refuse_parts(client, target)
    elif actual is not None and not target.consumer:
        refuse_other_root(target.stream, actual, target.declared["subjects"][0])
    return actual


async def _check(client: Client, target: DesiredConfig) -> list[Difference]:
    actual = await _read(client, target)
    if actual is None:
        return [_missing(target, applied=False)]
    states = compare(target, actual)
    return _described(target, actual, states, states)


def _described(
    target: DesiredConfig,
    actual: dict[str, Any],
    before: Mapping[str, State],
    after: Collection[str],
) -> list[Difference]:
    return [
        described(target, actual, key, state, applied=key not in after)
        for key, state in before.items()
    ]


def _missing(target: DesiredConfig, *, applied: bool) -> Difference:
    return Difference(
        place=target.place, setting="", declared="", actual="", state="missing", applied=applied
    )


async def _each(
    url: str,
    setup: NatsSetup,
    connection: dict[str, Any],
    act: Callable[[Client, DesiredConfig], Awaitable[list[Difference]]],
) -> list[Difference]:
    setup = setup.checked()
    transport = NatsTransport(url, root=setup.root, make_streams=False, **connection)
    await transport.open()
    found: list[Difference] = []
    try:
        for target in stream_targets(setup) + durable_targets(setup):
            with mapped(f"set up {target.place}"):
                found += await retry_until_ready(transport.client, target, act, _PATIENCE_S)
    finally:
        await transport.close()
    return found
